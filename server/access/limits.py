"""How often may be asked under a name, and how many of its requests may be in flight; counted in this process.

Knows nothing about HTTP.
"""

import time
from collections.abc import Callable
from typing import Literal, Protocol

from lethe.server.access.keys import Quota

Release = Callable[[], None]


class LimitReached(Exception):
    """A quota is used up.

    Attributes
    ----------
    quota
        The one.
    limit
        Which of its limits.
    retry_after_s
        Seconds after which the client may come back.
    """

    def __init__(self, quota: Quota, limit: Literal["rate", "concurrency"], retry_after_s: float) -> None:
        super().__init__(limit)
        self.quota = quota
        self.limit = limit
        self.retry_after_s = retry_after_s


class KeyLimits(Protocol):
    """Counts requests against quotas."""

    async def open(self) -> None:
        """Begin; must run inside the event loop."""
        ...

    async def admit(self, quota: Quota) -> Release:
        """Count a request against a quota; what is returned must be called at its end, once.

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
    """Counts for one proxy: a token bucket a quota, that holds a minute's worth and fills evenly.

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

    async def admit(self, quota: Quota) -> Release:
        """See `KeyLimits.admit`."""
        name = quota.name
        if quota.concurrency is not None and self._in_flight.get(name, 0) >= quota.concurrency:
            raise LimitReached(quota, "concurrency", 1)
        if quota.requests_per_minute is not None:
            self._take(quota, quota.requests_per_minute)
        if quota.concurrency is None:
            return nothing_to_release
        self._in_flight[name] = self._in_flight.get(name, 0) + 1
        return lambda: self._leave(name)

    def _take(self, quota: Quota, per_minute: int) -> None:
        now, per_second = self._clock(), per_minute / 60
        tokens, filled = self._buckets.get(quota.name, (float(per_minute), now))
        tokens = min(float(per_minute), tokens + (now - filled) * per_second)
        if tokens < 1:
            self._buckets[quota.name] = (tokens, now)
            raise LimitReached(quota, "rate", (1 - tokens) / per_second)
        self._buckets[quota.name] = (tokens - 1, now)

    def _leave(self, name: str) -> None:
        self._in_flight[name] -= 1

    async def close(self) -> None:
        """There is nothing to close."""
