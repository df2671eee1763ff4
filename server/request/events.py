"""An engine's event stream, event by event, however the network cuts it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from lethe.server.endpoints.answer_form import END_OF_EVENT, SAID, AnswerForm, AnswerReading
from lethe.server.errors import EngineFailed

# An engine whose event has not ended by then does not send events.
_LONGEST_BYTES = 16 << 20
_SENTENCE_ENDS = frozenset(".!?\n。！？।؟")


@dataclass(slots=True)
class Event:
    """One event of a stream.

    Attributes
    ----------
    raw
        As it came, without its end.
    document
        What it carries; None if that is no JSON, as of a comment and of the last event.
    reading
        What that says.
    """

    raw: bytes
    document: dict[str, Any] | None = None
    reading: AnswerReading = field(default_factory=AnswerReading)

    @property
    def ends_sentence(self) -> bool:
        """Whether a sentence ends within it."""
        return any(
            not _SENTENCE_ENDS.isdisjoint(each.text) for each in self.reading.shown if each.track == SAID
        )

    def carrying(self, document: dict[str, Any]) -> bytes:
        """The event with another document in its place."""
        return self.raw[: self.raw.index(b"data:")] + b"data: " + orjson.dumps(document) + END_OF_EVENT


class Events:
    """Reads events out of the pieces of a stream.

    Parameters
    ----------
    pieces
        As of `EngineAnswer.pieces`; what they are read from may be waited for again after a wait was given up.
    """

    def __init__(self, pieces: AsyncIterator[bytes], form: AnswerForm) -> None:
        self._pieces = pieces
        self._form = form
        self._rest = b""

    async def next(self, seconds: float | None) -> list[Event] | None:
        """The events that end with the next piece, none if it did not come in time; None at the end of the stream.

        Parameters
        ----------
        seconds
            How long to wait for it; None for as long as it takes.

        Raises
        ------
        BrokenOff, TimeoutError
            The engine broke off.
        EngineFailed
            What it sends cannot be read.
        """
        waiting = asyncio.timeout(seconds)
        try:
            async with waiting:
                piece = await anext(self._pieces, b"")
        except TimeoutError:
            if waiting.expired():
                return []
            raise
        if not piece:
            if self._rest.strip():
                raise EngineFailed("The engine broke off in the middle of an event.")
            return None
        received = self._rest + piece
        if b"\r" in received:
            # As some servers end lines; within JSON there is none.
            received = received.replace(b"\r\n", b"\n")
        *events, self._rest = received.split(END_OF_EVENT)
        if len(self._rest) > _LONGEST_BYTES:
            raise EngineFailed("The engine sends an event that does not end.")
        return [self._read(raw) for raw in events if raw.strip()]

    def _read(self, raw: bytes) -> Event:
        data = raw[6:] if raw.startswith(b"data: ") and b"\n" not in raw else _data(raw)
        if data in (b"", b"[DONE]"):
            return Event(raw)
        try:
            document = orjson.loads(data)
        except orjson.JSONDecodeError:
            document = None
        if not isinstance(document, dict):
            raise EngineFailed("The engine sends an event that cannot be read.")
        return Event(raw, document, self._form.read(document))


def _data(raw: bytes) -> bytes:
    lines = raw.lstrip().splitlines()
    return b"\n".join(line[5:].strip() for line in lines if line.startswith(b"data:"))
