"""An engine that streams ordinary text, each event telling when it was sent: ``python -m bench.answers.engine PORT``."""

import asyncio
import itertools
import json
import re
import sys
import time
from pydoc_data.topics import topics

import uvloop
from aiohttp import web

from bench.proxy.mock_engine import METRICS, MODELS, TOKEN_S

TOKENS = 120


class AnswerEngine:
    """Streams stretches of Python's own documentation, every stream another one while there are any."""

    def __init__(self) -> None:
        words = [word for text in topics.values() for word in re.findall(r"\s*\S+", text)]
        whole = range(0, len(words) - TOKENS, TOKENS)
        self._texts = itertools.cycle([words[start : start + TOKENS] for start in whole])

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """One stream."""
        await request.read()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        due = time.monotonic()
        for index, word in enumerate(next(self._texts)):
            due += TOKEN_S
            await asyncio.sleep(max(due - time.monotonic(), 0))
            await response.write(_event({"content": word}, "stop" if index == TOKENS - 1 else None))
        await response.write(b"data: [DONE]\n\n")
        return response


def _event(delta: dict[str, str], finish: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    head = {"id": "chatcmpl-0", "object": "chat.completion.chunk", "created": 0, "model": "mock"}
    document = head | {"choices": [choice], "system_fingerprint": str(time.monotonic_ns())}
    return b"data: " + json.dumps(document).encode() + b"\n\n"


async def serve(port: int) -> None:
    engine = AnswerEngine()
    app = web.Application()
    app.add_routes(
        [
            web.post("/v1/chat/completions", engine.complete),
            web.get("/v1/models", lambda _: _said(MODELS, "application/json")),
            web.get("/metrics", lambda _: _said(METRICS, "text/plain")),
            web.get("/health", lambda _: _said(b"", "text/plain")),
        ]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


async def _said(body: bytes, media_type: str) -> web.Response:
    return web.Response(body=body, content_type=media_type)


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
