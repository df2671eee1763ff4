"""Example prompts from files or the hub. Knows formats; knows nothing about labels."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lethe.offline.data.files import DataError
from lethe.offline.data.sources import SourceRecord, find_source, read_records

TEXT_FIELDS = ("text", "prompt", "question", "instruction", "turns", "content")


@dataclass(frozen=True)
class Example:
    """A prompt, and the item that it asks about.

    Attributes
    ----------
    group
        Prompts of one group are wordings of one item and never stand on both sides of a split. Empty where
        the file does not say; near duplicates are then found by their embeddings.
    """

    text: str
    group: str = ""


def load_examples(source: str, fields: Sequence[str] = ()) -> list[Example]:
    """Read the prompts of a source.

    Parameters
    ----------
    source
        As `lethe.offline.data.sources.find_source` takes it.
    fields
        Which fields of a record hold prompts; several are wordings of one item. By default the first of
        text, prompt, question, instruction, turns, content.

    Raises
    ------
    DataError
        The source is not found, not of a known format, or holds no prompts.
    """
    records = list(read_records(find_source(source)))
    examples = [
        Example(text.strip(), str(group))
        for group, texts in _prompts(records, fields)
        for text in texts
        if text.strip()
    ]
    if not examples:
        raise DataError(f"{source} {_why_none(records, fields)}")
    return examples


def _why_none(records: Sequence[SourceRecord], fields: Sequence[str]) -> str:
    """Why no prompt was found in the records of a source."""
    if not any(each.value for each in records):
        return "is empty; give one prompt a line, or one record"
    found = sorted({str(key) for each in records if isinstance(each.value, dict) for key in each.value})
    if not found:
        return "holds no prompts; a record is a text, or an object with one"
    wanted = fields or TEXT_FIELDS
    return (
        f"has no prompts in {', '.join(wanted)}; its records have {', '.join(found)}: "
        f"call the one with the prompts {wanted[0]}, or name it with --field"
    )


def _prompts(records: Iterable[SourceRecord], fields: Sequence[str]) -> Iterable[tuple[str, list[str]]]:
    for index, each in enumerate(records):
        record = each.value
        if isinstance(record, str):
            yield "", [record]
        elif isinstance(record, dict):
            found = fields or [field for field in TEXT_FIELDS if field in record][:1]
            texts = [text for field in found if field in record for text in _texts(record[field])]
            group = record.get("group")
            if group in (None, ""):
                group = f"record {index}" if len(texts) > 1 else ""
            yield group, texts


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    if isinstance(value, dict):
        return _texts(value.get("content"))
    return []
