"""Finding and reading benchmark files."""

import csv
import gzip
import json
from pathlib import Path
from typing import Any


class DataError(Exception):
    """Benchmark data that is missing, empty or malformed; the message names the file."""


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """Read objects, one a line.

    Raises
    ------
    DataError
        The file is missing, empty, or a line is not a JSON object.
    """
    rows = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DataError(f"{path}, line {number}: not valid JSON: {error}") from None
        if not isinstance(row, dict):
            raise DataError(f"{path}, line {number}: expected a JSON object")
        rows.append(row)
    return _not_empty(rows, path)


def read_json_list(path: Path) -> list[Any]:
    """Read a file that is one JSON list.

    Raises
    ------
    DataError
        The file is missing, empty, or no list.
    """
    try:
        rows = json.loads(read_text(path))
    except ValueError as error:
        raise DataError(f"{path}: not valid JSON: {error}") from None
    if not isinstance(rows, list):
        raise DataError(f"{path}: expected a JSON list")
    return _not_empty(rows, path)


def read_csv(path: Path) -> list[dict[str, str]]:
    """Read a CSV file with a header.

    Raises
    ------
    DataError
        The file is missing or empty.
    """
    return _not_empty(list(csv.DictReader(read_text(path).splitlines())), path)


def read_text(path: Path) -> str:
    """Read a text file, or the gzip-compressed one of the same name with ``.gz``.

    Raises
    ------
    DataError
        Neither is there, or it is not UTF-8 text.
    """
    compressed = path.with_name(f"{path.name}.gz")
    try:
        if path.is_file() or not compressed.is_file():
            return path.read_text(encoding="utf-8")
        with gzip.open(compressed, "rt", encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        raise DataError(
            f"{path} does not exist; name the folder of benchmark data with --data or LETHE_DATA_DIR"
        ) from None
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from None


def _not_empty(rows: list[Any], path: Path) -> list[Any]:
    if not rows:
        raise DataError(f"{path} is empty")
    return rows
