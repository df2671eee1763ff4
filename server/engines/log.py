"""What the embedded engine prints, kept on disk as far as there is room."""

import logging
import os
from io import FileIO
from pathlib import Path

_LOGGER = logging.getLogger("lethe.engines")
_MAX_BYTES = 32 << 20


class EngineLog:
    """A file of bounded size; the one that was full before it is kept beside it, its name ending in ``.1``.

    Parameters
    ----------
    max_bytes
        A file that would grow beyond is followed by another.
    """

    def __init__(self, path: Path, *, max_bytes: int = _MAX_BYTES) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._file: FileIO | None = None
        self._failing = False

    def write(self, line: bytes) -> None:
        """Append a line, which is lost if it cannot be written; never fails, since the engine must not wait."""
        try:
            self._append(line)
        except OSError as error:
            self.close()
            if not self._failing:
                _LOGGER.warning("engine: its log %s cannot be written: %s", self.path, error.strerror)
            self._failing = True
        else:
            if self._failing:
                _LOGGER.info("engine: its log %s is written again", self.path)
            self._failing = False

    def close(self) -> None:
        """Let go of the file; a further line opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _append(self, line: bytes) -> None:
        file = self._open()
        if file.tell() + len(line) > self._max_bytes:
            self.close()
            os.replace(self.path, f"{self.path}.1")
            file = self._open()
        rest = memoryview(line)
        while rest:
            rest = rest[file.write(rest) :]

    def _open(self) -> FileIO:
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = FileIO(self.path, "a")
        return self._file
