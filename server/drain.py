"""The time between the order to stop and the end, in which what is in flight goes on."""

import time


class Drain:
    """Whether the proxy is stopping, and how long what is in flight may still take.

    Parameters
    ----------
    timeout_s
        How long it may take in all.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._end: float | None = None

    @property
    def begun(self) -> bool:
        """Whether the proxy was told to stop."""
        return self._end is not None

    @property
    def seconds_left(self) -> float:
        """How long what is in flight may still take; 0 before the beginning."""
        return max(0.0, self._end - time.monotonic()) if self._end is not None else 0.0

    def begin(self) -> None:
        """The proxy is to stop."""
        self._end = time.monotonic() + self._timeout_s

    def abandon(self) -> None:
        """Wait for nothing any longer."""
        self._end = time.monotonic()
