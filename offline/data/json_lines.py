"""Records of long work, one JSON value a line, that survive being cut off anywhere."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def append_lines(path: Path, values: Iterable[Any]) -> None:
    """Append values, on lines of their own even behind a line that was cut short."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        if file.tell() > 0:
            file.seek(-1, 2)
            if file.read(1) != b"\n":
                file.write(b"\n")
        for value in values:
            file.write(json.dumps(value, ensure_ascii=False).encode() + b"\n")


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
