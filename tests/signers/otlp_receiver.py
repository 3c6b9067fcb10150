"""An OTLP receiver over HTTP and gRPC, of OpenTelemetry's own protobuf classes.

It prints its ports, then answers questions, each a line of JSON:

* {"take": true}: what has come since, spans and metrics, and the headers of each export;
* {"answer": 503, "headers": {...}}: how it answers from now on (HTTP status or gRPC code);
* {"delay": 2}: how long it waits with each answer;
* {"reject": 1}: how many spans it does not want of each export.
"""

import json
import sys
import threading
import time
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_service
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace_service
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as trace_grpc
from opentelemetry.proto.trace.v1 import trace_pb2

lock = threading.Lock()
taken = {"spans": [], "metrics": {}, "exports": []}
manner = {"answer": 200, "headers": {}, "delay": 0, "reject": 0}


def value(any_value):
    return getattr(any_value, any_value.WhichOneof("value"))


def attributes(list_of_pairs):
    return {pair.key: value(pair.value) for pair in list_of_pairs}


def take_spans(message):
    for of_process in message.resource_spans:
        resource = attributes(of_process.resource.attributes)
        for of_scope in of_process.scope_spans:
            for span in of_scope.spans:
                taken["spans"].append({
                    "resource": resource,
                    "trace": span.trace_id.hex(),
                    "id": span.span_id.hex(),
                    "parent": span.parent_span_id.hex(),
                    "name": span.name,
                    "kind": trace_pb2.Span.SpanKind.Name(span.kind),
                    "nanoseconds": span.end_time_unix_nano - span.start_time_unix_nano,
                    "since_start": time.time() - span.start_time_unix_nano / 1e9,
                    "attributes": attributes(span.attributes),
                    "status": trace_pb2.Status.StatusCode.Name(span.status.code),
                })


def point(it):
    if hasattr(it, "bucket_counts"):
        return {"attributes": attributes(it.attributes), "value": it.count,
                "buckets": sum(it.bucket_counts)}
    return {"attributes": attributes(it.attributes), "value": it.as_double}


def take_metrics(message):
    for of_process in message.resource_metrics:
        for of_scope in of_process.scope_metrics:
            for metric in of_scope.metrics:
                kind = metric.WhichOneof("data")
                points = [point(it) for it in getattr(metric, kind).data_points]
                taken["metrics"][metric.name] = {"kind": kind, "points": points}


def take(message, headers):
    """Whether it was taken."""
    time.sleep(manner["delay"])
    with lock:
        taken["exports"].append(headers)
        if manner["answer"] not in (0, 200):
            return False
        if isinstance(message, trace_service.ExportTraceServiceRequest):
            take_spans(message)
        else:
            take_metrics(message)
        return True


def answer_to_spans():
    answer = trace_service.ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = manner["reject"]
    return answer


class Http(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        kinds = {
            "/v1/traces": (trace_service.ExportTraceServiceRequest, answer_to_spans),
            "/v1/metrics": (metrics_service.ExportMetricsServiceRequest,
                            metrics_service.ExportMetricsServiceResponse),
        }
        request, answer = kinds[self.path]
        assert self.headers["content-type"] == "application/x-protobuf"
        headers = {name.lower(): text for name, text in self.headers.items()}
        is_taken = take(request.FromString(body), headers)
        body = answer().SerializeToString() if is_taken else b""
        self.send_response(manner["answer"])
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(body)))
        for name, text in manner["headers"].items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def export(message, context, answer):
    headers = dict(context.invocation_metadata())
    headers["deadline"] = context.time_remaining()
    if not take(message, headers):
        codes = {code.value[0]: code for code in grpc.StatusCode}
        context.abort(codes[manner["answer"]], "not now")
    return answer()


class Traces(trace_grpc.TraceServiceServicer):
    def Export(self, request, context):
        return export(request, context, answer_to_spans)


class Metrics(metrics_grpc.MetricsServiceServicer):
    def Export(self, request, context):
        return export(request, context, metrics_service.ExportMetricsServiceResponse)


def main():
    over_http = ThreadingHTTPServer(("127.0.0.1", 0), Http)
    threading.Thread(target=over_http.serve_forever, daemon=True).start()
    over_grpc = grpc.server(futures.ThreadPoolExecutor(4))
    trace_grpc.add_TraceServiceServicer_to_server(Traces(), over_grpc)
    metrics_grpc.add_MetricsServiceServicer_to_server(Metrics(), over_grpc)
    grpc_port = over_grpc.add_insecure_port("127.0.0.1:0")
    over_grpc.start()
    print(json.dumps({"http": over_http.server_port, "grpc": grpc_port}), flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        with lock:
            answer = {}
            if question.pop("take", False):
                answer = {**taken}
                taken.update(spans=[], metrics={}, exports=[])
            manner.update(question)
        print(json.dumps(answer), flush=True)
    over_grpc.stop(None)


main()
