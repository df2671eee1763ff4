"""Who is told of traces: takes them as a collector does, by OTLP over HTTP."""

import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class TraceCollector:
    """What was told so far."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)

    def trace(self, request_id: str, spans: int, timeout_s: float = 30) -> list[Span]:
        """The spans of the trace of a request, once there are so many of them."""
        deadline = time.monotonic() + timeout_s
        found: list[Span] = []
        while len(found) < spans and time.monotonic() < deadline:
            time.sleep(0.1)
            traces = {span.trace_id for span in list(self.spans) if _request_id(span) == request_id}
            found = [span for span in list(self.spans) if span.trace_id in traces]
        return found


@contextmanager
def collecting() -> Iterator[TraceCollector]:
    """Take traces, until the block ends."""
    collector = TraceCollector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    collector.spans.extend(scope.spans)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.url = f"http://127.0.0.1:{server.server_port}/v1/traces"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield collector
        finally:
            server.shutdown()


def _request_id(span: Span) -> str:
    return next((each.value.string_value for each in span.attributes if each.key == "lethe.request_id"), "")
