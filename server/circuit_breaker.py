"""A circuit breaker: after failures in a row, nobody is sent to an engine for a while, then one request at a time."""

import time
from collections.abc import Callable


class CircuitBreaker:
    """Counts failures in a row.

    Parameters
    ----------
    failures
        So many in a row open it.
    pause_s
        So long it stays open; then one request may try, whose outcome closes it or opens it again.
    clock
        Seconds, rising.
    """

    def __init__(self, failures: int, pause_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = failures
        self._pause_s = pause_s
        self._clock = clock
        self._failures = 0
        self._opened_at: float | None = None

    def allows(self) -> bool:
        """Whether a request may be sent now; where it may only try, nobody else may until the pause is over again."""
        if self._opened_at is None:
            return True
        now = self._clock()
        if now - self._opened_at < self._pause_s:
            return False
        self._opened_at = now
        return True

    def succeeded(self) -> None:
        """A request was answered."""
        self._failures, self._opened_at = 0, None

    def failed(self) -> None:
        """A request was not answered."""
        self._failures += 1
        if self._failures >= self._limit:
            self._opened_at = self._clock()
