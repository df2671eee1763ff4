"""The files of an audit log: numbered by their first entry, only ever appended to, the oldest removed by count."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from server.audit_chain import Link, read_link, verify_lines
from server.errors import StartupError

_KEY_NAME = "key"
_KEY_BYTES = 32
_TAIL_BYTES = 256 << 10


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
    StartupError
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
        raise StartupError(f"no usable key of an audit log at {path}: {error}") from None


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


def verify(folder: Path, key: bytes) -> Link:
    """Check a whole log; the last entry.

    Raises
    ------
    ChainError
        An entry was changed, or one is missing.
    """
    last = None
    for path in audit_files(folder):
        with path.open("rb") as lines:
            last = verify_lines(lines, key, last)
    return last or Link()


def read_entries(folder: Path) -> Iterator[dict[str, Any]]:
    """Every entry, oldest first; an unfinished last line is left out."""
    for path in audit_files(folder):
        with path.open("rb") as lines:
            yield from (orjson.loads(line) for line in lines if line.endswith(b"\n"))


def last_entries(folder: Path, count: int) -> list[dict[str, Any]]:
    """The newest whole entries, newest first; those older than the last part of a file may be missed."""
    found: list[dict[str, Any]] = []
    for path in reversed(audit_files(folder)):
        with path.open("rb") as file:
            start = max(0, path.stat().st_size - _TAIL_BYTES)
            file.seek(start)
            lines = file.read().splitlines(keepends=True)
        # The first may be half a line where reading began within the file, the last where one is being written.
        whole = [line for line in lines[1 if start else 0 :] if line.endswith(b"\n")]
        found += [orjson.loads(line) for line in reversed(whole[-(count - len(found)) :])]
        if len(found) >= count:
            break
    return found
