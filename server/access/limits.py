"""How often a key may ask, and how many of its requests may be in flight; counted in this process.

Knows nothing about HTTP.
"""

import time
from collections.abc import Callable
from typing import Literal, Protocol

from lethe.server.access.keys import ApiKey

Release = Callable[[], None]


class LimitReached(Exception):
    """The key has used up what it may.

    Attributes
    ----------
    limit
        Which of its limits.
    retry_after_s
        Seconds after which it may come back.
    """

    def __init__(self, limit: Literal["rate", "concurrency"], retry_after_s: float) -> None:
        super().__init__(limit)
        self.limit = limit
        self.retry_after_s = retry_after_s


class KeyLimits(Protocol):
    """Counts the requests of keys."""

    async def open(self) -> None:
        """Begin; must run inside the event loop."""
        ...

    async def admit(self, key: ApiKey) -> Release:
        """Count a request against its key's limits; what is returned must be called at its end, once.

        Raises
        ------
        LimitReached
            It may not pass.
        """
        ...

    async def close(self) -> None:
        """End what is held."""
        ...


def nothing_to_release() -> None:
    """The end of a request that takes no place."""


class LocalLimits:
    """Counts for one proxy: a token bucket a key, that holds a minute's worth and fills evenly.

    Parameters
    ----------
    clock
        Seconds, rising.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        self._in_flight: dict[str, int] = {}

    async def open(self) -> None:
        """There is nothing to open."""

    async def admit(self, key: ApiKey) -> Release:
        """See `KeyLimits.admit`."""
        if key.concurrency is not None and self._in_flight.get(key.id, 0) >= key.concurrency:
            raise LimitReached("concurrency", 1)
        if key.requests_per_minute is not None:
            self._take(key.id, key.requests_per_minute)
        if key.concurrency is None:
            return nothing_to_release
        self._in_flight[key.id] = self._in_flight.get(key.id, 0) + 1
        return lambda: self._leave(key.id)

    def _take(self, key: str, per_minute: int) -> None:
        now, per_second = self._clock(), per_minute / 60
        tokens, filled = self._buckets.get(key, (float(per_minute), now))
        tokens = min(float(per_minute), tokens + (now - filled) * per_second)
        if tokens < 1:
            self._buckets[key] = (tokens, now)
            raise LimitReached("rate", (1 - tokens) / per_second)
        self._buckets[key] = (tokens - 1, now)

    def _leave(self, key: str) -> None:
        self._in_flight[key] -= 1

    async def close(self) -> None:
        """There is nothing to close."""
