"""What was found, a JSON object a line, written as soon as it is known."""

import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Record = Mapping[str, Any]


class Records:
    """A file that checks, side by side, add to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._started = time.monotonic()

    def add(self, kind: str, **fields: Any) -> None:
        """Add a record."""
        record = {"kind": kind, "at": round(time.monotonic() - self._started, 1), **fields}
        with self._lock, self._path.open("a") as file:
            file.write(json.dumps(record) + "\n")


def read_records(path: Path, kind: str) -> list[Record]:
    """Those of a kind, in order."""
    return [record for line in path.read_text().splitlines() if (record := json.loads(line))["kind"] == kind]
