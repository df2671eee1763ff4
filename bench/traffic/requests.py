"""Requests as a service gets them: ordinary ones of a wanted length, and such that hide a question.

Knows data sets and shapes of requests; knows nothing about classifiers.
"""

import gzip
import json
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, TypeVar

from bench.classifier.data import ordinary_prompts
from lethe.classifier.conversation import Conversation
from lethe.offline.data.files import read_json_lines
from lethe.offline.data.ordinary_text import OrdinaryDocument, documents
from lethe.offline.data.text_files import TextKind

_Item = TypeVar("_Item")

Place = Literal["user turn", "tool result", "system text", "tool description"]

LENGTHS = (2_000, 8_000, 32_000, 128_000, 400_000)
PLACES: tuple[Place, ...] = ("user turn", "tool result", "system text", "tool description")
OTHER_LANGUAGES = "other languages"

_FILE_KINDS: tuple[TextKind, ...] = (
    "python",
    "javascript",
    "c",
    "json",
    "docs",
    "manpage",
    "prose",
    "log",
    "table",
)
_WRITTEN: tuple[TextKind, ...] = ("docs", "manpage", "prose")
_SHAPES: tuple[Place, ...] = ("user turn", "tool result", "system text")
_TURN_CHARACTERS = 8_000
_SHORT_WORD = 6


@dataclass(frozen=True)
class Sources:
    """Where ordinary text comes from.

    Attributes
    ----------
    folders
        Bulk text; the test half of its packages is used.
    data
        The data sets' folder.
    """

    folders: tuple[Path, ...]
    data: Path
    seed: int = 0


@dataclass(frozen=True)
class Text:
    """Ordinary text of one request, all from one package or one data set."""

    kind: str
    language: str
    text: str


@dataclass(frozen=True)
class Request:
    """A request that has nothing to do with any target."""

    kind: str
    language: str
    conversation: Conversation

    @property
    def characters(self) -> int:
        return sum(len(message.text) for message in self.conversation.messages)


class Names:
    """The names of a target, to leave out texts that speak of it.

    Short single words are looked for as they are written: in lower case they are mostly something else.

    Parameters
    ----------
    names
        As a head lists them, articles in front.
    anywhere
        Such as may stand within a word, as in languages that inflect names or put no spaces.
    """

    def __init__(self, names: Iterable[str], anywhere: Iterable[str] = ()) -> None:
        bare = {re.sub(r"^(?:the|an?) ", "", name, flags=re.IGNORECASE) for name in names}
        self._patterns = {name: _pattern(name) for name in bare}
        self._anywhere = {name.lower() for name in anywhere}

    def in_text(self, text: str) -> bool:
        """Whether a text has one of the names."""
        # A search for a plain string takes a hundredth of the time of one for all names at once.
        lowered = text.lower()
        return any(name in lowered for name in self._anywhere) or any(
            name.lower() in lowered and pattern.search(text) for name, pattern in self._patterns.items()
        )

    def in_conversation(self, conversation: Conversation) -> bool:
        """Whether a message of a conversation has one of the names."""
        return any(self.in_text(message.text) for message in conversation.messages)


def requests_of_length(sources: Sources, length: int) -> Iterator[Request]:
    """Ordinary requests of that many characters, kinds in turns, no document twice."""
    kinds = [_shaped(texts) for texts in _texts_by_kind(sources, length).values()]
    kinds += [_tool_definitions(sources.data, length), _tool_results(sources.data, length)]
    return in_turns(kinds)


def texts_of_length(sources: Sources, length: int) -> Iterator[Text]:
    """Ordinary texts of that many characters, kinds in turns, no document twice."""
    return in_turns(_texts_by_kind(sources, length).values())


def requests_as_they_are(sources: Sources) -> Iterator[Request]:
    """The data sets' requests, each at its own length."""
    for name, texts in ordinary_prompts().items():
        yield from (Request(name, "en", Conversation.from_prompt(text)) for text in texts)
    for name, file in (("FreshQA", "freshqa"), ("WritingBench", "writingbench_en")):
        yield from (
            Request(name, "en", Conversation.from_prompt(row["text"])) for row in _rows(sources.data, file)
        )
    for row in _rows(sources.data, "bfcl_requests"):
        yield Request("BFCL", "en", Conversation.from_openai_messages(row["messages"], row["tools"]))


def placed(text: str, place: Place) -> Conversation:
    """A request with a text in one of its places."""
    if place == "user turn":
        return Conversation.from_prompt(text)
    if place == "tool result":
        return Conversation.from_openai_messages(
            [{"role": "user", "content": "What does it say?"}, *_tool_turn(0, text)]
        )
    if place == "system text":
        return Conversation.from_openai_messages(
            [{"role": "system", "content": text}, {"role": "user", "content": "Where do I begin?"}]
        )
    tool = {"type": "function", "function": {"name": "look_up", "description": text, "parameters": {}}}
    return Conversation.from_openai_messages([{"role": "user", "content": "Which tool fits?"}], [tool])


def hidden(question: str, text: str, seed: int, *, own_line: bool = True) -> str:
    """A text with a question between two words at a random place, on a line of its own or within one."""
    place = random.Random(seed).randrange(len(text) + 1)
    gap = re.compile(r"\s").search(text, place)
    place = gap.start() if gap else len(text)
    around = "\n\n" if own_line else " "
    return f"{text[:place]}{around}{question}{around}{text[place:]}"


def after_context(text: str, question: str | None) -> Conversation:
    """A long exchange made of a text, user and assistant in turns, and a question as its newest turn."""
    turns = [text[start : start + _TURN_CHARACTERS] for start in range(0, len(text), _TURN_CHARACTERS)]
    messages = [
        {"role": "assistant" if number % 2 else "user", "content": turn} for number, turn in enumerate(turns)
    ]
    if question is not None:
        messages.append({"role": "user", "content": question})
    return Conversation.from_openai_messages(messages)


def stretches(found: Iterable[OrdinaryDocument], length: int) -> Iterator[tuple[str, str]]:
    """Texts of exactly that length with their languages: neighbours of one package and language, joined.

    What is left of a document that ends a text, and of a package that fills none, is not used.
    """
    for _, neighbours in groupby(found, key=lambda each: each.origin):
        open_texts: dict[str, list[str]] = {}
        for document in neighbours:
            parts = open_texts.setdefault(document.language, [])
            parts.append(document.text)
            if sum(map(len, parts)) >= length:
                yield "\n\n".join(parts)[:length], document.language
                del open_texts[document.language]


def in_turns(streams: Iterable[Iterator[_Item]]) -> Iterator[_Item]:
    """One item of each stream after the other, until all have ended."""
    waiting = list(streams)
    while waiting:
        still: list[Iterator[_Item]] = []
        for stream in waiting:
            for item in stream:
                yield item
                still.append(stream)
                break
        waiting = still


def _texts_by_kind(sources: Sources, length: int) -> Mapping[str, Iterator[Text]]:
    kinds = {kind: _bulk(sources, length, kind, (kind,), _english(kind)) for kind in _FILE_KINDS}
    others = _bulk(sources, length, OTHER_LANGUAGES, _WRITTEN, lambda language: language != "en")
    news = gzip.decompress((sources.data / "muse/bbc/forget.txt.gz").read_bytes()).decode()
    tasks = (row["text"] for row in _rows(sources.data, "writingbench_en"))
    return {
        **kinds,
        OTHER_LANGUAGES: others,
        "news": _cut("news", [news], length),
        "writing tasks": _cut("writing tasks", tasks, length),
    }


def _english(kind: TextKind) -> Callable[[str], bool]:
    return (lambda language: language == "en") if kind in _WRITTEN else (lambda language: True)


def _bulk(
    sources: Sources, length: int, name: str, kinds: Sequence[TextKind], speaks: Callable[[str], bool]
) -> Iterator[Text]:
    found = documents(
        sources.folders,
        seed=sources.seed,
        part="test",
        kinds=kinds,
        maximum_characters=length,
        characters_a_turn=length,
    )
    wanted = (document for document in found if speaks(document.language))
    for text, language in stretches(wanted, length):
        yield Text(name, language, text)


def _cut(kind: str, texts: Iterable[str], length: int) -> Iterator[Text]:
    """Stretches of long texts, and of short ones joined."""
    joined = ""
    for text in texts:
        joined += f"{text}\n\n"
        start = 0
        while len(joined) - start >= length:
            yield Text(kind, "en", joined[start : start + length])
            start += length
        joined = joined[start:]


def _shaped(texts: Iterator[Text]) -> Iterator[Request]:
    for number, each in enumerate(texts):
        shape = _SHAPES[number % len(_SHAPES)]
        yield Request(each.kind, each.language, placed(each.text, shape))


def _tool_definitions(data: Path, length: int) -> Iterator[Request]:
    """Requests that offer many tools."""
    tools: list[Any] = []
    characters = 0
    for row in _rows(data, "bfcl_requests"):
        tools += row["tools"]
        characters += sum(len(json.dumps(tool)) for tool in row["tools"])
        if characters >= length:
            yield Request("tool definitions", "en", Conversation.from_openai_messages(row["messages"], tools))
            tools, characters = [], 0


def _tool_results(data: Path, length: int) -> Iterator[Request]:
    """Conversations of an agent that looks up one record after the other."""
    results: list[str] = []
    for row in _rows(data, "airline_tool_results"):
        results.append(row["tool_result"])
        if sum(map(len, results)) >= length:
            turns = [turn for number, result in enumerate(results) for turn in _tool_turn(number, result)]
            asked = {"role": "user", "content": "Compare these customers' bookings."}
            yield Request("tool results", "en", Conversation.from_openai_messages([asked, *turns]))
            results = []


def _tool_turn(number: int, result: str) -> list[dict[str, Any]]:
    function = {"name": "read", "arguments": json.dumps({"record": number})}
    call = {"id": f"call_{number}", "type": "function", "function": function}
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": f"call_{number}", "content": result},
    ]


def _rows(data: Path, name: str) -> list[Any]:
    return read_json_lines(data / "traffic" / f"{name}.jsonl")


def _pattern(name: str) -> re.Pattern[str]:
    short = " " not in name and len(name) <= _SHORT_WORD
    # No word boundary is behind a name that ends in a point.
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", 0 if short else re.IGNORECASE)
