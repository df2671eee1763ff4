"""The files of an audit log: numbered by their first entry, only ever appended to, the oldest removed by count."""

import os
import secrets
import time
from collections.abc import Iterator
from itertools import chain, takewhile
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from lethe.server.audit.chain import ChainError, Link, read_link, verify_lines
from lethe.server.errors import OperatorError

_KEY_NAME = "key"
_KEY_BYTES = 32
_BLOCK_BYTES = 256 << 10
_LOOK_S = 0.5


def audit_files(folder: Path) -> list[Path]:
    """The files of a log, oldest first."""
    return sorted(folder.glob("audit-*.jsonl"))


def audit_file(folder: Path, first_number: int) -> Path:
    """The file that begins with an entry."""
    return folder / f"audit-{first_number:012d}.jsonl"


def read_key(folder: Path, *, make: bool = False) -> bytes:
    """The key of a folder's log, readable by its user alone.

    Parameters
    ----------
    make
        Make one where there is none.

    Raises
    ------
    OperatorError
        There is none, or it cannot be read.
    """
    path = folder / _KEY_NAME
    try:
        if make and not path.exists():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "w") as file:
                file.write(secrets.token_hex(_KEY_BYTES))
        return bytes.fromhex(path.read_text().strip())
    except (OSError, ValueError) as error:
        raise OperatorError(f"no usable key of an audit log at {path}: {error}") from None


def last_link(folder: Path) -> tuple[Link, int]:
    """The last whole entry of a log, and the bytes of an unfinished one after it in the newest file."""
    unfinished = 0
    for path in reversed(audit_files(folder)):
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        unfinished = unfinished or len(content) - len(whole)
        if whole:
            return read_link(whole[whole.rfind(b"\n", 0, -1) + 1 :]), unfinished
    return Link(), unfinished


def first_number(path: Path) -> int:
    """The number of the entry that a file begins with, as its name says; raises `ChainError` where it says none."""
    number = path.stem.removeprefix("audit-")
    if not number.isdecimal():
        raise ChainError(f"{path} is no file of an audit log")
    return int(number)


def verify(folder: Path, key: bytes) -> Link:
    """Check a whole log; the last entry. An unfinished last line is left out.

    Raises
    ------
    ChainError
        An entry was changed, or one is missing.
    """
    last = None
    files = audit_files(folder)
    for path in files:
        with path.open("rb") as file:
            lines = file if path != files[-1] else (line for line in file if line.endswith(b"\n"))
            first = next(iter(lines), None)
            if first is None:
                continue
            # Where older files are gone, nothing else says what the first entry must follow.
            if (number := read_link(first).number) != first_number(path):
                raise ChainError(f"{path.name} begins with entry {number}: entries are missing")
            last = verify_lines(chain([first], lines), key, last)
    return last or Link()


def read_entries(folder: Path) -> Iterator[dict[str, Any]]:
    """Every entry, oldest first; an unfinished last line is left out; raises `ChainError` for what is none."""
    for path in audit_files(folder):
        with path.open("rb") as lines:
            yield from (_entry(line) for line in lines if line.endswith(b"\n"))


def last_entries(folder: Path, count: int, max_bytes: int | None = None) -> list[dict[str, Any]]:
    """The newest whole entries, newest first.

    Parameters
    ----------
    max_bytes
        Where those that are older begin to be left out, however few there are; one is always given.
    """
    found: list[dict[str, Any]] = []
    size = 0
    for line in _newest_lines(folder):
        size += len(line)
        if len(found) == count or (found and max_bytes is not None and size > max_bytes):
            break
        found.append(_entry(line))
    return found


def follow_entries(folder: Path, number: int) -> Iterator[dict[str, Any]]:
    """Entries after the one of a number, oldest first, as they are written; never ends."""
    while True:
        for entry in _entries_after(folder, number):
            yield entry
            number = entry["number"]
        time.sleep(_LOOK_S)


def _entries_after(folder: Path, number: int) -> Iterator[dict[str, Any]]:
    entries: Iterator[dict[str, Any]] = map(_entry, _newest_lines(folder))
    return reversed(list(takewhile(lambda entry: entry["number"] > number, entries)))


def _entry(line: bytes) -> dict[str, Any]:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        raise ChainError(f"not an entry of an audit log: {line[:80]!r}") from None


def _newest_lines(folder: Path) -> Iterator[bytes]:
    for path in reversed(audit_files(folder)):
        with path.open("rb") as file:
            yield from _lines_from_the_end(file)


def _lines_from_the_end(file: BinaryIO) -> Iterator[bytes]:
    position, begun, in_unfinished = file.seek(0, os.SEEK_END), b"", True
    while position:
        length = min(_BLOCK_BYTES, position)
        position = file.seek(position - length)
        begun, *lines = (file.read(length) + begun).split(b"\n")
        if lines and in_unfinished:
            # What follows the last line break is empty, or an entry that is being written.
            in_unfinished = False
            lines.pop()
        yield from reversed(lines)
    if begun and not in_unfinished:
        yield begun
