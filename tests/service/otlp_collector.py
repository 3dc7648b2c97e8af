"""A trace collector for tests: takes OTLP over gRPC and writes each span as a line of JSON. Needs grpcio and
opentelemetry-proto. usage: otlp_collector.py PORT FILE"""
import json
import sys
from concurrent import futures

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, out):
        self.out = out

    def Export(self, request, context):
        for resource in request.resource_spans:
            process = {a.key: a.value.string_value for a in resource.resource.attributes}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    line = {
                        "service": process.get("service.name", ""), "resource": process, "name": span.name, "trace": span.trace_id.hex(), "id": span.span_id.hex(),
                        "parent": span.parent_span_id.hex(), "events": [event.name for event in span.events],
                        "kind": span.kind, "failed": span.status.code == 2,
                        "attributes": {a.key: a.value.string_value or a.value.int_value for a in span.attributes},
                    }
                    self.out.write(json.dumps(line) + "\n")
        self.out.flush()
        return trace_service_pb2.ExportTraceServiceResponse()


def main():
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        server = grpc.server(futures.ThreadPoolExecutor(2))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Collector(out), server)
        server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
        server.start()
        print("collecting", flush=True)
        server.wait_for_termination()


if __name__ == "__main__":
    main()
