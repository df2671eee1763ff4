"""Example prompts from files or the hub. Knows formats; knows nothing about labels."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lethe.offline.data.files import (
    DataError,
    read_csv,
    read_json_lines,
    read_json_list,
    read_parquet,
    read_text,
)

_TEXT_FIELDS = ("text", "prompt", "question", "instruction", "turns", "content")
_SUFFIXES = (".jsonl", ".json", ".csv", ".txt", ".parquet")
_FILES_LISTED = 20


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
        A ``.jsonl``, ``.json``, ``.csv``, ``.txt`` or ``.parquet`` file (also with ``.gz``, but for the last; also relative
        to ``LETHE_DATA_DIR``), or ``owner/name:path/in/dataset`` on the Hugging Face hub. The path may be left out where the
        data set has one such file.
    fields
        Which fields of a record hold prompts; several are wordings of one item. By default the first of
        text, prompt, question, instruction, turns, content.

    Raises
    ------
    DataError
        The source is not found, not of a known format, or holds no prompts.
    """
    examples = [
        Example(text.strip(), str(group))
        for group, texts in _prompts(_records(_find(source)), fields)
        for text in texts
        if text.strip()
    ]
    if not examples:
        wanted = ", ".join(fields or _TEXT_FIELDS)
        raise DataError(f"{source} holds no prompts; a record needs one of the fields {wanted}")
    return examples


def _find(source: str) -> Path:
    candidates = [Path(source).expanduser()]
    if "LETHE_DATA_DIR" in os.environ:
        candidates.append(Path(os.environ["LETHE_DATA_DIR"]) / source)
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    repository, _, file = source.partition(":")
    # A source that ends as a file does is a wrong path rather than a data set.
    if (
        repository.count("/") == 1
        and not repository.startswith(("/", ".", "~"))
        and not _is_readable(repository)
    ):
        return _download(repository, file)
    raise DataError(
        f"{source} is not a file here; give a {', '.join(_SUFFIXES)} file, or owner/name:file for one on the hub"
    )


def _download(repository: str, file: str) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(repository, file or _only_file(repository), repo_type="dataset"))
    except LocalEntryNotFoundError as error:
        # What is said of a file that is not cached when the hub cannot be reached.
        raise _not_to_be_had(f"{repository}:{file}", error) from None
    except EntryNotFoundError:
        raise DataError(
            f"{repository} has no file {file} on the hub; {_choice(repository, _readable_files(repository))}"
        ) from None
    except DataError:
        raise
    except Exception as error:
        raise _not_to_be_had(f"{repository}:{file}" if file else repository, error) from None


def _only_file(repository: str) -> str:
    files = _readable_files(repository)
    if len(files) != 1:
        raise DataError(f"{repository} needs the name of a file; {_choice(repository, files)}")
    return files[0]


def _readable_files(repository: str) -> list[str]:
    from huggingface_hub import list_repo_files

    try:
        files = list_repo_files(repository, repo_type="dataset")
    except Exception as error:
        raise _not_to_be_had(repository, error) from None
    return sorted(file for file in files if _is_readable(file))


def _is_readable(file: str) -> bool:
    return file.removesuffix(".gz").endswith(_SUFFIXES)


def _choice(repository: str, files: Sequence[str]) -> str:
    if not files:
        return f"it has none that can be read ({', '.join(_SUFFIXES)})"
    listed = [f"{repository}:{file}" for file in files[:_FILES_LISTED]]
    more = f" and {len(files) - len(listed)} more" if len(files) > len(listed) else ""
    return f"give one of {', '.join(listed)}{more}"


def _not_to_be_had(source: str, error: Exception) -> DataError:
    return DataError(
        f"{source} is not a file here and cannot be had from the hub ({type(error).__name__}); give a "
        f"{', '.join(_SUFFIXES)} file, or owner/name:file for one on the hub"
    )


def _records(path: Path) -> Iterable[Any]:
    suffix = Path(path.name.removesuffix(".gz")).suffix
    if suffix == ".txt":
        return read_text(path).splitlines()
    # Some publishers name JSON lines .json.
    if suffix == ".jsonl" or (suffix == ".json" and not read_text(path).lstrip().startswith("[")):
        return read_json_lines(path)
    readers = {".json": read_json_list, ".csv": read_csv, ".parquet": read_parquet}
    if suffix not in readers:
        raise DataError(f"{path}: the format {suffix!r} is not one of {', '.join(_SUFFIXES)}")
    return readers[suffix](path)


def _prompts(records: Iterable[Any], fields: Sequence[str]) -> Iterable[tuple[str, list[str]]]:
    for index, record in enumerate(records):
        if isinstance(record, str):
            yield "", [record]
        elif isinstance(record, dict):
            found = fields or [field for field in _TEXT_FIELDS if field in record][:1]
            texts = [text for field in found if field in record for text in _texts(record[field])]
            group = record.get("group", f"record {index}" if len(texts) > 1 else "")
            yield group, texts


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    if isinstance(value, dict):
        return _texts(value.get("content"))
    return []
