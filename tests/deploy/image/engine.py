"""An engine as the proxy sees it: it serves the shipped target's model, says that it has the plugin, and shows what it got."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
ANSWER = {
    "id": "chatcmpl-0",
    "object": "chat.completion",
    "created": 0,
    "model": MODEL,
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "An answer."},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 8, "completion_tokens": 3, "total_tokens": 11},
}


class Engine(BaseHTTPRequestHandler):
    """Answers each completion alike; what it was asked is at ``/received``."""

    protocol_version = "HTTP/1.1"
    received: list[dict[str, object]]

    def do_GET(self) -> None:
        pages = {
            "/health": "",
            "/metrics": 'lethe_plugin_info{version="0"} 1.0\n',
            "/v1/models": json.dumps(
                {"object": "list", "data": [{"id": MODEL, "object": "model", "root": MODEL, "parent": None}]}
            ),
            "/received": json.dumps(self.received),
        }
        self._answer(200 if self.path in pages else 404, pages.get(self.path, ""))

    def do_POST(self) -> None:
        self.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self._answer(200, json.dumps(ANSWER))

    def _answer(self, status: int, text: str) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


if __name__ == "__main__":
    Engine.received = []
    ThreadingHTTPServer(("127.0.0.1", 9000), Engine).serve_forever()
