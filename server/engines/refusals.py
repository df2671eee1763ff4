"""Since when an engine that stops has refused everything: what it was sent after that, it has not taken."""

import math
from time import monotonic

# For how long after a refusal it may still be reached, and answer that its core is gone, or reset what it has not read.
_STOPPING_S = 10.0


class Refusals:
    """What an engine has refused because it stops."""

    def __init__(self) -> None:
        self._since = self._last = -math.inf

    def count(self) -> None:
        """It refuses something now."""
        now = monotonic()
        if now > self._last + _STOPPING_S:
            self._since = now
        self._last = now

    def forget(self) -> None:
        """Another engine has taken its place."""
        self._last = -math.inf

    def began_before(self, asked_at: float) -> bool:
        """Whether it refused everything already when it was asked: what it then failed of is none of that.

        Parameters
        ----------
        asked_at
            By `time.monotonic`.
        """
        return self._since <= asked_at <= self._last + _STOPPING_S
