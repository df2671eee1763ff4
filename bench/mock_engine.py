"""An engine that answers at once, so that what is measured is the proxy alone: ``python -m bench.mock_engine PORT``."""

import asyncio
import sys
from typing import cast

import uvloop

COMPLETION = (
    b'{"id":"chatcmpl-0","object":"chat.completion","created":0,"model":"mock","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"Jane Austen wrote it."},"logprobs":null,"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":12,"completion_tokens":5,"total_tokens":17}}'
)
MODELS = b'{"object":"list","data":[{"id":"mock","object":"model","root":"mock","parent":null}]}'
METRICS = b'lethe_plugin_info{version="mock"} 1.0\n'


def _response(body: bytes, media_type: bytes = b"application/json") -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (media_type, len(body))
    return head + body


ANSWERS = {
    b"/v1/models": _response(MODELS),
    b"/metrics": _response(METRICS, b"text/plain"),
    b"/health": _response(b""),
}
ANSWER = _response(COMPLETION)


class MockEngine(asyncio.Protocol):
    """Reads requests off a connection by their Content-Length and answers each with the same bytes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (head_end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:head_end]
            mark = head.lower().find(b"content-length:")
            length = int(head[mark + 15 :].split(b"\r\n", 1)[0]) if mark >= 0 else 0
            end = head_end + 4 + length
            if len(self._received) < end:
                return
            self._received = self._received[end:]
            self._transport.write(ANSWERS.get(head.split(b" ", 2)[1], ANSWER))


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(MockEngine, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
