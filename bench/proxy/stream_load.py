"""Streams side by side from the mock engine or a proxy before it, each token timed from its sending to its arrival."""

import asyncio
import re
import time
from dataclasses import dataclass

import numpy as np
import uvloop

from bench.proxy.repeated import RepeatedRequest, post_request

_TOKEN = re.compile(rb'"content": ?" (\d+)"')
_END = b"[DONE]"


@dataclass(frozen=True)
class StreamResult:
    """What a load of streams saw.

    Attributes
    ----------
    first_token_s
        Seconds from each request to its first token.
    stretched_s
        By how many seconds the time between two tokens was longer at their arrival than at their sending.
    """

    first_token_s: tuple[float, ...]
    stretched_s: tuple[float, ...]

    def first_token(self, q: float) -> float:
        """A quantile of the time to the first token, in seconds."""
        return float(np.quantile(self.first_token_s, q))

    def stretched(self, q: float) -> float:
        """A quantile of what came between tokens, in seconds."""
        return float(np.quantile(self.stretched_s, q))


class _Streams(RepeatedRequest):
    """One stream after another on one connection."""

    def __init__(self, request: bytes, deadline: float, first: list[float], stretched: list[float]) -> None:
        super().__init__(request, deadline)
        self._first = first
        self._stretched = stretched

    def begin(self) -> None:
        self._last: tuple[int, int] | None = None
        self._sent = time.perf_counter_ns()
        super().begin()

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter_ns()
        self.received += data
        if self._last is None and not self.received.startswith(b"HTTP/1.1 200"):
            self.fail(RuntimeError(f"answered {self.received[:300]!r}"))
            return
        read = 0
        for token in _TOKEN.finditer(self.received):
            read = token.end()
            self._arrived(int(token[1]), now)
        self.received = self.received[read:]
        if _END in self.received and self.received.endswith(b"0\r\n\r\n"):
            self.answered()

    def _arrived(self, sent: int, now: int) -> None:
        if self._last is None:
            self._first.append((now - self._sent) / 1e9)
        else:
            last_sent, last_arrived = self._last
            self._stretched.append(((now - last_arrived) - (sent - last_sent)) / 1e9)
        self._last = (sent, now)


def run_streams(
    port: int, path: str, body: bytes, streams: int, seconds: float, key: str | None = None
) -> StreamResult:
    """Keep so many streams open on loopback for some seconds; each begins at a time of its own.

    Raises
    ------
    RuntimeError
        A request was not answered with 200.
    """
    return uvloop.run(_run(port, post_request(path, body, key), streams, seconds))


async def _run(port: int, request: bytes, streams: int, seconds: float) -> StreamResult:
    loop = asyncio.get_running_loop()
    first: list[float] = []
    stretched: list[float] = []
    deadline = time.perf_counter() + seconds
    pairs = []
    for _ in range(streams):
        pairs.append(
            await loop.create_connection(
                lambda: _Streams(request, deadline, first, stretched), "127.0.0.1", port
            )
        )
        # A prime share of a second, so that tokens of different streams do not come all at once.
        await asyncio.sleep(0.0137)
    await asyncio.gather(*(protocol.finished for _, protocol in pairs))
    for transport, _ in pairs:
        transport.close()
    return StreamResult(tuple(first), tuple(stretched))
