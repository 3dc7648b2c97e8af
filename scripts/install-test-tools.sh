#!/usr/bin/env bash
# Installs what the tests need on Debian or Ubuntu, and only what is missing:
#   sipp, baresip, ip                from the distribution
#   grpcio, grpcio-tools, protobuf, opentelemetry-proto   from PyPI, into target/test-venv
#   buf                              from npm, into target/test-tools (only where npm is there)
# Rust itself is a prerequisite. Needs root, or sudo, for the distribution's packages.
set -euo pipefail
cd "$(dirname "$0")/.."
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

declare -A package=([sipp]=sip-tester [baresip]=baresip [ip]=iproute2 [python3]=python3 [cc]=build-essential [npm]=npm)
missing=()
for command in "${!package[@]}"; do
  command -v "$command" >/dev/null || missing+=("${package[$command]}")
done
python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing: ${missing[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

mkdir -p target
if ! target/test-venv/bin/python -c 'import grpc, grpc_tools, opentelemetry.proto' 2>/dev/null; then
  python3 -m venv target/test-venv
  target/test-venv/bin/pip install --quiet -r examples/python/requirements.txt opentelemetry-proto
fi
if [ ! -x target/test-tools/node_modules/.bin/buf ]; then
  npm install --silent --no-audit --no-fund --prefix target/test-tools @bufbuild/buf >/dev/null
fi
