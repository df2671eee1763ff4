"""The texts that a classifier is tested on: prompts, conversations and documents out of files.

Knows fields of records; knows nothing about classifiers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydantic

from lethe.classifier.conversation import Conversation
from lethe.offline.classifier_testing.settings import ClassifierTestSettings
from lethe.offline.classifier_training.examples import TEXT_FIELDS
from lethe.offline.data.files import DataError, read_text
from lethe.offline.data.sources import SourceRecord, find_source, read_records

_FIELDS = ("messages", *TEXT_FIELDS)
_TRUTH = pydantic.TypeAdapter(bool)
_FIELDS_LISTED = 12


@dataclass(frozen=True)
class HeldOutText:
    """One text to judge.

    Attributes
    ----------
    where
        The file, and the line or the record that it is from.
    content
        It as a record that can be read again: ``text``, or ``messages`` and perhaps ``tools``.
    group
        What it is counted under; by default the file's name, or the folder's where a file is one text.
    flag
        Whether it is to be flagged; None where nobody says.
    """

    where: str
    content: Mapping[str, Any]
    conversation: Conversation
    group: str
    flag: bool | None = None


def load_held_out_texts(
    sources: Sequence[str], settings: ClassifierTestSettings
) -> tuple[list[HeldOutText], int]:
    """Read the texts of all sources, and count those without words, which are left out.

    Parameters
    ----------
    sources
        As `lethe.offline.data.sources.find_source` takes them.

    Raises
    ------
    DataError
        A source is not found, is not of a known format, or holds no texts, or a record is not of the form that it needs.
    """
    texts: list[HeldOutText] = []
    blank = 0
    for source in sources:
        found = list(_texts_of(source, settings))
        worded = [text for text in found if _has_words(text)]
        if not worded:
            raise DataError(f"{source} holds no text with words in it")
        texts += worded
        blank += len(found) - len(worded)
    return texts, blank


def _texts_of(source: str, settings: ClassifierTestSettings) -> Iterator[HeldOutText]:
    path = find_source(source)
    expected = None if settings.expect is None else settings.expect == "flagged"
    if settings.whole_files:
        yield _prompt(str(path), read_text(path), path.resolve().parent.name, expected)
        return
    name = _name_of(path)
    for record in read_records(path):
        if isinstance(record.value, str):
            if record.value.strip():
                yield _prompt(record.where, record.value, name, expected)
            continue
        fields = _fields_of(record)
        group, flag = fields.get("group"), _flag(record.where, fields.get("flag"))
        for content in _contents(record.where, fields, settings.fields):
            yield HeldOutText(
                record.where,
                content,
                _conversation(content),
                name if group in (None, "") else str(group),
                expected if flag is None else flag,
            )


def _prompt(where: str, text: str, group: str, flag: bool | None) -> HeldOutText:
    return HeldOutText(where, {"text": text}, Conversation.from_prompt(text), group, flag)


def _name_of(path: Path) -> str:
    return Path(path.name.removesuffix(".gz")).stem


def _fields_of(record: SourceRecord) -> Mapping[str, Any]:
    if not isinstance(record.value, Mapping):
        raise DataError(
            f"{record.where}: a record is a text or an object with one, not {type(record.value).__name__}"
        )
    return record.value


def _flag(where: str, value: Any) -> bool | None:
    if value is None or value == "":
        return None
    try:
        return _TRUTH.validate_python(value)
    except pydantic.ValidationError:
        raise DataError(f"{where}: flag is true or false, not {value!r:.80}") from None


def _contents(where: str, record: Mapping[str, Any], fields: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """The prompts and conversations of a record."""
    chosen = [field for field in fields or _FIELDS if field in record]
    if not chosen:
        wanted = f"the field {' or '.join(fields)}" if fields else f"one of the fields {', '.join(_FIELDS)}"
        there = ", ".join(list(record)[:_FIELDS_LISTED]) or "none"
        raise DataError(f"{where}: a record needs {wanted}; there are {there}, of which --field may name one")
    for field in chosen if fields else chosen[:1]:
        yield from _content(f"{where}: {field}", record, record[field])


def _content(what: str, record: Mapping[str, Any], value: Any) -> Iterator[Mapping[str, Any]]:
    if not value or isinstance(value, str):
        yield {"text": value or ""}
    elif isinstance(value, list) and all(isinstance(item, str) for item in value):
        yield from ({"text": item} for item in value)
    elif isinstance(value, list) and all(isinstance(item, Mapping) and "role" in item for item in value):
        tools = record.get("tools")
        yield (
            {"messages": value, "tools": tools} if isinstance(tools, list) and tools else {"messages": value}
        )
    else:
        raise DataError(
            f"{what} holds neither text, nor a list of texts, nor a list of messages with role and content"
        )


def _conversation(content: Mapping[str, Any]) -> Conversation:
    if "text" in content:
        return Conversation.from_prompt(content["text"])
    return Conversation.from_openai_messages(content["messages"], content.get("tools"))


def _has_words(text: HeldOutText) -> bool:
    """What cannot be read is judged too: the verdict says that it was not."""
    conversation = text.conversation
    return bool(conversation.unreadable) or any(each.text.strip() for each in conversation.messages)
