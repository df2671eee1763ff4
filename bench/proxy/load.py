"""A closed-loop HTTP load: so many connections, each sending its next request when the last is answered."""

import asyncio
import statistics
import time
from dataclasses import dataclass
from typing import cast

import uvloop


@dataclass(frozen=True)
class LoadResult:
    """What a load saw.

    Attributes
    ----------
    latencies
        Seconds of each request, sorted.
    seconds
        Length of the whole run.
    """

    latencies: tuple[float, ...]
    seconds: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.latencies) / self.seconds

    def quantile(self, q: float) -> float:
        """A latency in seconds; 0.5 is the median."""
        return statistics.quantiles(self.latencies, n=1000, method="inclusive")[round(q * 1000) - 1]


class _Connection(asyncio.Protocol):
    def __init__(self, request: bytes, deadline: float, latencies: list[float]) -> None:
        self._request = request
        self._deadline = deadline
        self._latencies = latencies
        self.finished = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def _send(self) -> None:
        self._received = b""
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_end = self._received.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = self._received[:head_end].lower()
        if not head.startswith(b"http/1.1 200"):
            self._fail(RuntimeError(f"answered {self._received[:300]!r}"))
            return
        length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        if len(self._received) < head_end + 4 + length:
            return
        now = time.perf_counter()
        self._latencies.append(now - self._sent)
        if now < self._deadline:
            self._send()
        elif not self.finished.done():
            self.finished.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionError("the connection was closed"))

    def _fail(self, error: Exception) -> None:
        if not self.finished.done():
            self.finished.set_exception(error)


def run_load(
    port: int, path: str, body: bytes, connections: int, seconds: float, key: str | None = None
) -> LoadResult:
    """Load a server on loopback for some seconds.

    Parameters
    ----------
    key
        Sent as a bearer token.

    Raises
    ------
    RuntimeError
        A request was not answered with 200.
    """
    return uvloop.run(_run(port, post_request(path, body, key), connections, seconds))


def post_request(path: str, body: bytes, key: str | None = None) -> bytes:
    """A whole request as it goes over the wire; a key goes as a bearer token."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    if key:
        head += f"Authorization: Bearer {key}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def _run(port: int, request: bytes, connections: int, seconds: float) -> LoadResult:
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    started = time.perf_counter()
    pairs = [
        await loop.create_connection(
            lambda: _Connection(request, started + seconds, latencies), "127.0.0.1", port
        )
        for _ in range(connections)
    ]
    await asyncio.gather(*(protocol.finished for _, protocol in pairs))
    elapsed = time.perf_counter() - started
    for transport, _ in pairs:
        transport.close()
    return LoadResult(tuple(sorted(latencies)), elapsed)
