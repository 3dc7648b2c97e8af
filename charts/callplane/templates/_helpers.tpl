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

{{- define "callplane.hostAddress" -}}
- name: HOST_ADDRESS
  valueFrom:
    fieldRef:
      fieldPath: status.hostIP
{{- end }}
