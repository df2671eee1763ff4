"""How often a key may ask: a token bucket each, in this process."""

import time
from collections.abc import Callable
from typing import Protocol


class RateLimiter(Protocol):
    """Counts requests by key."""

    async def take(self, key: str, per_minute: int) -> float:
        """Count one request; seconds after which to come back, zero if it may pass."""
        ...

    async def close(self) -> None: ...


class TokenBuckets:
    """One bucket a key, that holds a minute's worth and fills evenly; for one proxy.

    Parameters
    ----------
    clock
        Seconds, rising.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    async def take(self, key: str, per_minute: int) -> float:
        """See `RateLimiter.take`."""
        now, per_second = self._clock(), per_minute / 60
        tokens, filled = self._buckets.get(key, (float(per_minute), now))
        tokens = min(float(per_minute), tokens + (now - filled) * per_second)
        if tokens < 1:
            self._buckets[key] = (tokens, now)
            return (1 - tokens) / per_second
        self._buckets[key] = (tokens - 1, now)
        return 0.0

    async def close(self) -> None:
        """Nothing is held."""
