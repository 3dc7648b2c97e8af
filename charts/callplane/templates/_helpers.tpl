{{- define "callplane.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "callplane.labels" -}}
app.kubernetes.io/name: callplane
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "callplane.settings" -}}
{{- range $key, $value := .Values.settings }}
- name: CALLPLANE_{{ $key }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{/* In the host's network the pod's address is the node's. */}}
{{- define "callplane.podAddress" -}}
- name: POD_ADDRESS
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
{{- end }}

{{/* How many pods. `of`: the service's values; `service`: its name. */}}
{{- define "callplane.replicas" -}}
{{- if gt (int .of.replicas) 1 }}
{{- fail (printf "%s.replicas: 1 at most. Calls belong to the process that took them and clients of the Service reach one pod: install one release for each." .service) }}
{{- end }}
{{- int .of.replicas }}
{{- end }}

{{/* What an API is bound to. */}}
{{- define "callplane.apiBind" -}}
{{- if and .of.hostNetwork (not .of.apiAddress) }}
{{- fail (printf "%s.apiAddress: has to be chosen with %s.hostNetwork. The API asks nobody who they are, and in the host's network whoever reaches the node reaches it. Name an address of the node on a private network, 127.0.0.1 for clients on the same node, or 0.0.0.0 behind a firewall." .service .service) }}
{{- end }}
{{- .of.apiAddress | default "0.0.0.0" }}:{{ .of.apiPort }}
{{- end }}

{{/* Where an API is reached: at the address it was given, or through its Service. */}}
{{- define "callplane.apiReach" -}}
{{- $bound := .of.apiAddress | default "0.0.0.0" }}
{{- if has $bound (list "0.0.0.0" "[::]") }}{{ .release }}-{{ .service }}{{ else }}{{ $bound }}{{ end }}:{{ .of.apiPort }}
{{- end }}

{{/* What the admin endpoint is bound to: the kubelet alone asks, and in the host's network it can ask there. */}}
{{- define "callplane.adminBind" -}}
{{ ternary "127.0.0.1" "0.0.0.0" .hostNetwork }}:{{ .adminPort }}
{{- end }}

{{- define "callplane.probes" -}}
livenessProbe:
  httpGet: {path: /health, port: admin{{ if .hostNetwork }}, host: 127.0.0.1{{ end }}}
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /ready, port: admin{{ if .hostNetwork }}, host: 127.0.0.1{{ end }}}
{{- end }}
