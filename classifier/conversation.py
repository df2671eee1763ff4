"""OpenAI messages as text to classify. Knows the request's shapes; knows nothing about models or targets."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from lethe.classifier.errors import NotText
from lethe.classifier.text.json_text import argument_readings, value_readings
from lethe.classifier.text.ranges import joined_ranges

PartKind = Literal[
    "content", "reasoning", "refusal", "name", "tool_call", "tool_definition", "document", "field"
]


@dataclass(frozen=True, slots=True)
class TextPart:
    """A type of part that is text.

    Attributes
    ----------
    field
        The field that holds the text.
    kind
        What it is.
    """

    field: str
    kind: PartKind


TEXT_PARTS = {
    "text": TextPart("text", "content"),
    "input_text": TextPart("text", "content"),
    "output_text": TextPart("text", "content"),
    "refusal": TextPart("refusal", "refusal"),
    "thinking": TextPart("thinking", "reasoning"),
}
"""By the type of a part of a message's content, as the engine reads it: every type that is text."""

BESIDE = "beside"
"""The role of what stands beside the messages."""

_PART_SEPARATOR = "\n"


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a message's text and where in the request it came from.

    Attributes
    ----------
    kind
        What it is.
    index
        Position in the message's ``content`` list (0 for a plain string), in ``tool_calls``, or in what stands beside
        the messages.
    start, end
        Half-open character offsets into `Message.text`.
    of_content
        Whether it is of the message's content: of several such, a template may leave no gap between them.
    """

    kind: PartKind
    index: int
    start: int
    end: int
    of_content: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its role, all of its text, and the parts that the text is made of."""

    role: str
    text: str
    parts: tuple[Part, ...]

    @property
    def content_end(self) -> int:
        """Where its content ends, less the white space after it; 0 where it has none. The text of other fields follows."""
        end = max((part.end for part in self.parts if part.kind == "content"), default=0)
        return len(self.text[:end].rstrip())

    def without(self, stretches: Iterable[tuple[int, int]]) -> "Message":
        """What is left of it without some stretches of its text, half-open; its offsets are others then."""
        taken = joined_ranges(stretches)
        ends = [end for _, end in taken]
        texts: list[str] = []
        parts: list[Part] = []
        length = 0
        for part in self.parts:
            left = (
                self.text[start:end]
                for start, end in _left(part.start, part.end, taken, bisect_right(ends, part.start))
            )
            text = _PART_SEPARATOR.join(stretch for stretch in left if stretch.strip())
            if not text:
                continue
            start = length + (len(_PART_SEPARATOR) if texts else 0)
            length = start + len(text)
            texts.append(text)
            parts.append(replace(part, start=start, end=length))
        return Message(self.role, _PART_SEPARATOR.join(texts), tuple(parts))


@dataclass(frozen=True, slots=True)
class Conversation:
    """All text that a request puts before the model.

    Attributes
    ----------
    messages
        One entry for each message of the request, in order and of the same count, so that indices agree; what stands
        beside them, if anything, follows as one more, of role ``beside``.
    unreadable
        What could not be read as text, one line each: images, audio, files, unknown or undecodable parts.
    """

    messages: tuple[Message, ...]
    unreadable: tuple[str, ...] = ()

    @classmethod
    def from_openai_messages(
        cls,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Any] | None = None,
        documents: Sequence[Any] | None = None,
        fields: Sequence[Any] | None = None,
    ) -> "Conversation":
        """Read a chat completion request.

        Never raises on odd input: what is not understood is listed in `unreadable`.

        Parameters
        ----------
        messages, tools, documents
            As in the request.
        fields
            Values of whatever else of it the model may read.
        """
        unreadable: list[str] = []
        read = [_read_message(index, message, unreadable) for index, message in enumerate(messages)]
        kinds: Mapping[PartKind, Sequence[Any] | None] = {
            "tool_definition": tools,
            "document": documents,
            "field": fields,
        }
        beside: list[tuple[PartKind, Any]] = [
            (kind, value) for kind, values in kinds.items() for value in values or ()
        ]
        if beside:
            builder = _MessageBuilder(BESIDE, "beside the messages", unreadable)
            for index, (kind, value) in enumerate(beside):
                for text in value_readings(value):
                    builder.add(kind, index, text)
            read.append(builder.build())
        return cls(tuple(read), tuple(unreadable))

    @classmethod
    def from_prompt(cls, prompt: str) -> "Conversation":
        """Read the prompt of a plain completion request as one user message."""
        return cls.from_openai_messages([{"role": "user", "content": prompt}])

    def without(self, stretches: Iterable[tuple[int, int, int]]) -> "Conversation":
        """What is left without some stretches, each (message, start, end); messages keep their indices."""
        taken: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for message, start, end in stretches:
            taken[message].append((start, end))
        messages = (
            message.without(taken[index]) if index in taken else message
            for index, message in enumerate(self.messages)
        )
        return replace(self, messages=tuple(messages))


def _left(start: int, end: int, taken: Sequence[tuple[int, int]], place: int) -> Iterator[tuple[int, int]]:
    """What of a range is left without others, which ascend and do not meet; the first that may touch it has this place."""
    while place < len(taken) and taken[place][0] < end:
        first, last = taken[place]
        if start < first:
            yield start, first
        start = max(start, last)
        place += 1
    if start < end:
        yield start, end


class _MessageBuilder:
    def __init__(self, role: str, place: str, unreadable: list[str]) -> None:
        self._role = role
        self._place = place
        self._unreadable = unreadable
        self._texts: list[str] = []
        self._parts: list[Part] = []
        self._length = 0

    def add(self, kind: PartKind, index: int, text: str, of_content: bool = False) -> None:
        if not text:
            return
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            self.reject("text with lone surrogates, which no encoding can carry")
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        start = self._length + (len(_PART_SEPARATOR) if self._texts else 0)
        self._texts.append(text)
        self._length = start + len(text)
        self._parts.append(Part(kind, index, start, self._length, of_content))

    def reject(self, what: str) -> None:
        self._unreadable.append(f"{self._place}: {what}")

    def build(self) -> Message:
        return Message(self._role, _PART_SEPARATOR.join(self._texts), tuple(self._parts))


def _read_message(index: int, message: Any, unreadable: list[str]) -> Message:
    place = f"message {index}"
    if not isinstance(message, Mapping):
        unreadable.append(f"{place}: not an object")
        return Message("unknown", "", ())
    builder = _MessageBuilder(str(message.get("role", "unknown")), place, unreadable)
    _add_content(builder, message.get("content"))
    for field in ("reasoning_content", "reasoning", "thinking"):
        _add_text(builder, "reasoning", 0, message.get(field), field)
    _add_text(builder, "refusal", 0, message.get("refusal"), "refusal")
    _add_text(builder, "name", 0, message.get("name"), "name")
    calls = [*_as_list(message.get("tool_calls"))]
    if message.get("function_call") is not None:
        calls.append({"function": message["function_call"]})
    for call_index, call in enumerate(calls):
        for text in _tool_call_texts(call):
            builder.add("tool_call", call_index, text)
    if message.get("audio") is not None:
        builder.reject("audio")
    return builder.build()


def content_text(content: Any) -> str | None:
    """A message's content as one text, as the engine makes it; None if it has none.

    `Message.text` begins with it, so that offsets into one are offsets into the other.

    Raises
    ------
    NotText
        A part is not text.
    """
    if content is None:
        return None
    texts = []
    for part in _content_parts(content):
        if part.fault:
            raise NotText(part.fault)
        if part.text:
            texts.append(part.text)
    return _PART_SEPARATOR.join(texts)


@dataclass(frozen=True, slots=True)
class _ContentPart:
    index: int
    kind: PartKind
    text: str = ""
    fault: str = ""


def _content_parts(content: Any) -> Iterator[_ContentPart]:
    """What a content is made of; of what is not text, the fault says so."""
    if isinstance(content, str):
        yield _ContentPart(0, "content", content)
    elif isinstance(content, list):
        yield from (_content_part(index, part) for index, part in enumerate(content))
    elif content is not None:
        yield _ContentPart(0, "content", fault=f"content of type {type(content).__name__}")


def _content_part(index: int, part: Any) -> _ContentPart:
    if isinstance(part, str):
        return _ContentPart(index, "content", part)
    type_name = part.get("type") if isinstance(part, Mapping) else type(part).__name__
    text_part = TEXT_PARTS.get(str(type_name))
    if text_part is None or not isinstance(part, Mapping):
        return _ContentPart(index, "content", fault=f"content part {index} of type {type_name!r} is not text")
    text = part.get(text_part.field)
    if text is not None and not isinstance(text, str):
        fault = f"content part {index} of type {type(text).__name__} is not text"
        return _ContentPart(index, text_part.kind, fault=fault)
    return _ContentPart(index, text_part.kind, text or "")


def _add_content(builder: _MessageBuilder, content: Any) -> None:
    for part in _content_parts(content):
        if part.fault:
            builder.reject(part.fault)
        else:
            builder.add(part.kind, part.index, part.text, of_content=True)


def _add_text(builder: _MessageBuilder, kind: PartKind, index: int, text: Any, place: str) -> None:
    if isinstance(text, str):
        builder.add(kind, index, text)
    elif text is not None:
        builder.reject(f"{place} of type {type(text).__name__} is not text")


def _tool_call_texts(call: Any) -> Iterator[str]:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping):
        yield from value_readings(call)
        return
    arguments = function.get("arguments", "")
    readings = argument_readings(arguments) if isinstance(arguments, str) else value_readings(arguments)
    for reading in readings:
        yield f"{function.get('name', '')} {reading}"


def _as_list(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else []
