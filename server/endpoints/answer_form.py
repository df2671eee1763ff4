"""How an endpoint's answers are read, whole or piece by piece, and how an answer is ended before its end."""

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import orjson

SAID = "said"
"""The track of what an answer says; further tracks hold what its log probabilities show besides."""
STOPPED_AT = "stopped at"
"""The track of the token at which what is said was ended, which is not in its text."""
TAKEN = "0"
"""The track of the tokens that were taken; of others, ``1`` is that of the likeliest at each place, and so on."""
PROMPT = "prompt "
"""What the tracks begin with that show what the model held likely in a prompt's place."""

END_OF_EVENT = b"\n\n"
# vLLM writes tokens so if it is asked to.
_BY_ID = re.compile(r"token_id:(\d+)")
# What stands for bytes that are no character, and what Python reads such bytes as so that they can be put together.
_NO_CHARACTER = "\ufffd"
_BYTES_ALONE = re.compile("[\udc80-\udcff]")
_IDENTITY = ("id", "created", "created_at", "model")
# Of these a client learns nothing that is not in the text beside them.
_UNREAD = {"id", "index", "role", "type", "item_id", "call_id", "status", "logprobs"}


class Shown(NamedTuple):
    """A stretch of text that an answer shows.

    Attributes
    ----------
    choice
        Which of the answers to a request.
    track
        Texts of one track are read one after the other; see `SAID`.
    channel
        Where in the answer it stands: what comes from another place begins a new line.
    text
        What is shown.
    ids
        The tokens that are shown by their ids, without their texts.
    """

    choice: int
    track: str
    channel: str
    text: str
    ids: Sequence[int] = ()


@dataclass(slots=True)
class AnswerReading:
    """What a whole answer, or an event of a stream, says.

    Attributes
    ----------
    shown
        All text that it shows.
    choices
        The choices that it is of.
    opened
        Those that begin with it, without showing anything yet.
    bound
        Those that no other answer can go on from once it was passed on.
    ended
        Those that end with it.
    tokens
        About how many it shows.
    """

    shown: list[Shown] = field(default_factory=list)
    choices: Sequence[int] = ()
    opened: Sequence[int] = ()
    bound: Sequence[int] = ()
    ended: Sequence[int] = ()
    tokens: int = 0


class Passed(Protocol):
    """What was passed on of one stream, so much of it as its end takes if it is cut off: a stream may be long."""

    def note(self, event: Mapping[str, Any]) -> None:
        """An event is passed on."""
        ...

    def cut_off(self, first: Mapping[str, Any], choice: int) -> list[dict[str, Any]]:
        """Events that end a choice of which a part was passed on.

        Parameters
        ----------
        first
            The first event of the stream, whose identity they bear.
        """
        ...


class AnswerForm(ABC):
    """The answers of an endpoint.

    Attributes
    ----------
    ends_with_done
        Whether a stream of them ends with an event of its own that says so.
    """

    ends_with_done: bool = True

    @abstractmethod
    def read(self, document: Mapping[str, Any]) -> AnswerReading:
        """Read a whole answer, or an event of a stream."""

    def without(self, event: dict[str, Any], choices: Collection[int]) -> dict[str, Any] | None:
        """An event without some choices; None if nothing is left of it."""
        return event

    def event(self, document: Mapping[str, Any]) -> bytes:
        """An event that carries a document."""
        return b"data: " + orjson.dumps(document) + END_OF_EVENT

    @abstractmethod
    def refused(
        self, first: Mapping[str, Any], choice: int, text: str, *, has_begun: bool
    ) -> list[dict[str, Any]]:
        """Events that give a choice that has shown nothing a refusal.

        Parameters
        ----------
        first
            The first event of the stream, whose identity they bear.
        text
            What the client is told.
        has_begun
            Whether what begins the choice was passed on.
        """

    @abstractmethod
    def passed(self) -> Passed:
        """What was passed on of a stream that begins."""


def shown_token(choice: int, track: str, token: str) -> Shown:
    """A token as log probabilities show it: by its text, or by its id."""
    by_id = _BY_ID.fullmatch(token)
    return Shown(choice, track, "", "", (int(by_id[1]),)) if by_id else Shown(choice, track, "", token)


def token_text(entry: Mapping[str, Any]) -> str:
    """The text of a token of log probabilities; where that is a part of a character, its bytes, for `whole_characters`."""
    token, spelled = str(entry.get("token") or ""), entry.get("bytes")
    if isinstance(spelled, list) and (not token or _NO_CHARACTER in token):
        try:
            return bytes(spelled).decode(errors="surrogateescape")
        except (TypeError, ValueError):
            return token
    return token


def whole_characters(text: str) -> str:
    """A text that was put together of tokens, with the characters whose bytes were spread over several of them."""
    if text.isascii() or not _BYTES_ALONE.search(text):
        return text
    return text.encode(errors="surrogateescape").decode(errors="replace")


def shown_ids(choice: int, ids: Any) -> list[Shown]:
    """Tokens that an answer gives beside its text, which they may be ahead of."""
    numbers = [each for each in ids if isinstance(each, int)] if isinstance(ids, list) else []
    return [Shown(choice, "by ids", "", "", numbers)] if numbers else []


def with_identity(raw: bytes, document: Mapping[str, Any], first: Mapping[str, Any]) -> bytes:
    """An answer, or an event, with the identity of the one that the client was first given, and otherwise as it came.

    Parameters
    ----------
    document
        What is in it.
    first
        What was in the first one, of the same form.
    """
    for name in _IDENTITY:
        if name in document and name in first and document[name] != first[name]:
            # Within a string the quotes around the name would be escaped.
            place = re.compile(rb'("%s"\s*:\s*)%s' % (name.encode(), re.escape(orjson.dumps(document[name]))))
            value = orjson.dumps(first[name])
            raw = place.sub(lambda found, value=value: found[1] + value, raw, count=1)
    # Where an event says of which answer it is a part.
    for name in ("response", "message"):
        within, first_within = document.get(name), first.get(name)
        if isinstance(within, dict) and isinstance(first_within, dict):
            raw = with_identity(raw, within, first_within)
    return raw


def texts_of(value: Any, channel: str = "") -> Iterator[tuple[str, str]]:
    """Every text within a part of an answer, with its place; also of fields that are not known here."""
    if isinstance(value, str):
        if value:
            yield channel, value
    elif isinstance(value, dict):
        for name, within in value.items():
            if not within or name in _UNREAD:
                continue
            if isinstance(within, str):
                yield f"{channel}.{name}", within
            else:
                yield from texts_of(within, f"{channel}.{name}")
    elif isinstance(value, list):
        for position, within in enumerate(value):
            # Pieces of a stream say by themselves which of several they continue.
            index = within.get("index", position) if isinstance(within, dict) else position
            yield from texts_of(within, f"{channel}.{index}")
