"""An engine that answers at once, so that what is measured is the proxy alone: ``python -m bench.proxy.mock_engine PORT``.

Streams are as slow as a model's, each token telling when it was sent.
"""

import asyncio
import sys
import time
from typing import cast

import uvloop

COMPLETION = (
    b'{"id":"chatcmpl-0","object":"chat.completion","created":0,"model":"mock","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"Jane Austen wrote it."},"logprobs":null,"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":12,"completion_tokens":5,"total_tokens":17}}'
)
MODELS = b'{"object":"list","data":[{"id":"mock","object":"model","root":"mock","parent":null}]}'
METRICS = b'lethe_plugin_info{version="mock"} 1.0\n'
TOKENS = 50
TOKEN_S = 0.02
"""Time to the first token, and between two."""


def _response(body: bytes, media_type: bytes = b"application/json") -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (media_type, len(body))
    return head + body


def _chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


def _token(index: int) -> bytes:
    """One event, whose text is the nanosecond at which it was made."""
    finish = b'"stop"' if index == TOKENS - 1 else b"null"
    return _chunk(
        b'data: {"id":"chatcmpl-0","object":"chat.completion.chunk","created":0,"model":"mock","choices":[{"index":0,'
        b'"delta":{"content":" %d"},"logprobs":null,"finish_reason":%s}]}\n\n'
        % (time.perf_counter_ns(), finish)
    )


ANSWERS = {
    b"/v1/models": _response(MODELS),
    b"/metrics": _response(METRICS, b"text/plain"),
    b"/health": _response(b""),
}
ANSWER = _response(COMPLETION)
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
)
STREAM_END = _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


class MockEngine(asyncio.Protocol):
    """Reads requests off a connection by their Content-Length and answers each with the same bytes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        self._loop = asyncio.get_running_loop()
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
            body, self._received = self._received[head_end + 4 : end], self._received[end:]
            if b'"stream":true' in body or b'"stream": true' in body:
                self._transport.write(STREAM_HEAD)
                self._send_token(0, self._loop.time() + TOKEN_S)
            else:
                self._transport.write(ANSWERS.get(head.split(b" ", 2)[1], ANSWER))

    def _send_token(self, index: int, due: float) -> None:
        if self._transport.is_closing():
            return
        if self._loop.time() < due:
            self._loop.call_at(due, self._send_token, index, due)
            return
        self._transport.write(_token(index) if index < TOKENS - 1 else _token(index) + STREAM_END)
        if index < TOKENS - 1:
            self._loop.call_at(due + TOKEN_S, self._send_token, index + 1, due + TOKEN_S)


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(MockEngine, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
