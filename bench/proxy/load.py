"""A closed-loop HTTP load: so many connections, each sending its next request when the last is answered."""

import asyncio
import statistics
import time
from dataclasses import dataclass

import uvloop

from bench.proxy.repeated import RepeatedRequest, post_request


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


class _Connection(RepeatedRequest):
    def __init__(self, request: bytes, deadline: float, latencies: list[float]) -> None:
        super().__init__(request, deadline)
        self._latencies = latencies

    def begin(self) -> None:
        self._sent = time.perf_counter()
        super().begin()

    def data_received(self, data: bytes) -> None:
        self.received += data
        head_end = self.received.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = self.received[:head_end].lower()
        if not head.startswith(b"http/1.1 200"):
            self.fail(RuntimeError(f"answered {self.received[:300]!r}"))
            return
        length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        if len(self.received) < head_end + 4 + length:
            return
        self._latencies.append(time.perf_counter() - self._sent)
        self.answered()


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
