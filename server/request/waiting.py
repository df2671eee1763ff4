"""What of a stream waits for the next look."""

import time

from lethe.server.errors import EngineFailed
from lethe.server.request.events import Event
from lethe.server.settings.reading import AnswerSettings

_MOST_BYTES = 16 << 20


class Waiting:
    """Events that were not passed on yet, and when to look at them.

    Parameters
    ----------
    settings
        How long how much may wait.

    Attributes
    ----------
    events
        In their order.
    tokens
        About how many they show.
    ended
        The choices that end with them.
    """

    def __init__(self, settings: AnswerSettings) -> None:
        self._settings = settings
        self._looked = False
        self._bytes = 0
        self.clear()

    def clear(self) -> None:
        """Nothing waits any longer."""
        self.events: list[Event] = []
        self.tokens = 0
        self.ended: set[int] = set()
        self._since: float | None = None
        self._sentence_ended = False
        self._bytes = 0

    def add(self, event: Event) -> None:
        """An event has come.

        Raises
        ------
        EngineFailed
            More waits than may.
        """
        self.events.append(event)
        self.tokens += event.reading.tokens
        self.ended.update(event.reading.ended)
        self._bytes += len(event.raw)
        if event.reading.tokens or event.reading.bound:
            self._since = self._since or time.monotonic()
            self._sentence_ended = self._sentence_ended or event.ends_sentence
        if self._bytes > _MOST_BYTES:
            raise EngineFailed("The engine's answer is too long to be checked.")

    @property
    def seconds_left(self) -> float | None:
        """How much longer what waits may; None if nothing does that would be waited for."""
        if self._since is None:
            return None
        return max(self._settings.wait_ms / 1000 - self.seconds, 0)

    @property
    def seconds(self) -> float:
        """For how long the first of it has waited."""
        return time.monotonic() - self._since if self._since is not None else 0

    def is_due(self) -> bool:
        """Whether there is to be a look now, or nothing that one would be for."""
        if not self.events:
            return False
        if self.ended or self._since is None:
            return True
        most = self._settings.tokens if self._looked else self._settings.first_tokens
        if self.tokens >= most or (self._sentence_ended and self.tokens >= self._settings.sentence_tokens):
            return True
        return self.seconds_left == 0

    def looked(self) -> None:
        """There was a look."""
        self._looked = True

    def begin_again(self) -> None:
        """Another answer begins, of which nothing was looked at."""
        self.clear()
        self._looked = False
