"""How what the proxy logs is written: lines for people, or JSON for machines."""

import json
import logging
import sys
import time
from typing import Any, Literal, TextIO


class TextFormatter(logging.Formatter):
    """One line a record, after the program's name, or after the logger's if that is not of Lethe."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line, its traceback below it."""
        name = "lethe" if record.name.split(".")[0] == "lethe" else record.name
        # Names of files may hold bytes that are no text.
        return f"{name}: {super().format(record)}".encode(errors="backslashreplace").decode()


class JsonFormatter(logging.Formatter):
    """One JSON object a record."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line."""
        document: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            document["exception"] = self.formatException(record.exc_info)
        return json.dumps(document)


class _Output(logging.StreamHandler[TextIO]):
    """Writes as far as somebody takes it."""

    def handleError(self, record: logging.LogRecord) -> None:
        # A full disk or a closed pipe is not told of once more for every line.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


def log_to_standard_output(form: Literal["text", "json"]) -> None:
    """Send what is logged in this process to standard output; of other libraries, warnings and errors alone."""
    handler = _Output(sys.stdout)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("lethe").setLevel(logging.INFO)
