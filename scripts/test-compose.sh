#!/usr/bin/env bash
# Starts docker-compose.yml for real, with the binary built outside, and runs SIPp calls through it.
# The project is removed again, also when something fails.
set -euo pipefail
cd "$(dirname "$0")/.."
export CALLPLANE_BUILD_TARGET=prebuilt DOCKER_BUILDKIT=${DOCKER_BUILDKIT:-0} COMPOSE_PROJECT_NAME=callplane-test
if docker compose version >/dev/null 2>&1; then compose=(docker compose); else compose=(docker-compose); fi
docker info >/dev/null 2>&1 || { echo "Docker does not run here" >&2; exit 2; }

finish() {
  status=$?
  [ "$status" = 0 ] || "${compose[@]}" logs --tail 40 || true
  "${compose[@]}" down --volumes --timeout 5 >/dev/null 2>&1 || true
  exit "$status"
}
trap finish EXIT

"${compose[@]}" up --build --detach
call() { # call USER CALLS RATE
  sipp -sf sipp_scenarios/basic_call.xml -s "$1" -m "$2" -r "$3" -d 1000 -i 127.0.0.1 -nostdin -timeout 40s -timeout_error \
    127.0.0.1:5060 >/dev/null 2>&1
}
for try in $(seq 60); do
  call echo 1 1 && break
  [ "$try" = 60 ] && { echo "no call went through the compose file" >&2; exit 1; }
  sleep 0.5
done
call echo 20 10
echo "compose: 20 calls through signaling, media and engine, each a container of its own"
