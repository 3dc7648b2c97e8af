#!/usr/bin/env bash
# Generates the client from the protos into ./generated. PYTHON names the interpreter that has grpcio-tools.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p generated
"${PYTHON:-python3}" -m grpc_tools.protoc -I ../../proto --python_out=generated --grpc_python_out=generated \
  ../../proto/callplane/session/v1/*.proto
