"""Sources of records: a file here, or one of a data set on the Hugging Face hub, in any format that people keep prompts in.

Knows formats; knows nothing about what the records mean.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lethe.offline.data.files import (
    DataError,
    numbered_json_lines,
    read_csv,
    read_json_list,
    read_parquet,
    read_text,
)

_SUFFIXES = (".jsonl", ".json", ".csv", ".txt", ".parquet")
_FILES_LISTED = 20


@dataclass(frozen=True)
class SourceRecord:
    """One record of a source: a line of text, or a JSON value.

    Attributes
    ----------
    where
        The file and the line or the number of the record, for people.
    """

    where: str
    value: Any


def find_source(source: str) -> Path:
    """The file of a source, fetched from the hub if it is there.

    Parameters
    ----------
    source
        A ``.jsonl``, ``.json``, ``.csv``, ``.txt`` or ``.parquet`` file (also with ``.gz``, but for the last; also relative
        to ``LETHE_DATA_DIR``), or ``owner/name:path/in/dataset`` on the Hugging Face hub. The path may be left out where the
        data set has one such file.

    Raises
    ------
    DataError
        The source is not found.
    """
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


def read_records(path: Path) -> Iterator[SourceRecord]:
    """Read the records of a file: its lines, its JSON values, or its rows by column.

    Raises
    ------
    DataError
        The file is missing, empty, malformed, or not of a known format.
    """
    suffix = Path(path.name.removesuffix(".gz")).suffix
    # Some publishers name JSON lines .json.
    if suffix == ".jsonl" or (suffix == ".json" and not read_text(path).lstrip().startswith("[")):
        return (SourceRecord(f"{path}, line {number}", value) for number, value in numbered_json_lines(path))
    if suffix == ".txt":
        return (
            SourceRecord(f"{path}, line {number}", line)
            for number, line in enumerate(read_text(path).splitlines(), start=1)
        )
    readers = {".json": read_json_list, ".csv": read_csv, ".parquet": read_parquet}
    if suffix not in readers:
        raise DataError(f"{path}: the format {suffix!r} is not one of {', '.join(_SUFFIXES)}")
    rows = readers[suffix](path)
    return (SourceRecord(f"{path}, record {number}", row) for number, row in enumerate(rows, start=1))


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
