"""Records of long work, one JSON value a line, that survive being cut off anywhere."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def append_lines(path: Path, values: Iterable[Any]) -> None:
    """Append values, on lines of their own even behind a line that was cut short.

    In one write, so that several processes may append to a file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = b"".join(json.dumps(value, ensure_ascii=False).encode() + b"\n" for value in values)
    with path.open("ab+", buffering=0) as file:
        if file.tell() > 0:
            file.seek(-1, 2)
            if file.read(1) != b"\n":
                lines = b"\n" + lines
        file.write(lines)


def read_whole_lines(path: Path) -> list[Any]:
    """Read all values of a file, leaving out what an interruption cut short; none if there is no file."""
    if not path.is_file():
        return []
    values = []
    for line in path.read_bytes().splitlines():
        try:
            values.append(json.loads(line))
        except ValueError:
            continue
    return values
