"""What the proxy tells its operator, as lines for people or as JSON for machines."""

import logging
import sys
import time
from collections.abc import Callable
from typing import Any

import orjson

_LOGGER = logging.getLogger("lethe")


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
        return orjson.dumps(document, default=str).decode()


def log_as_json() -> Callable[[str], None]:
    """Send everything that is logged in this process to standard output as JSON; gives what reports a line."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    _LOGGER.setLevel(logging.INFO)
    return _LOGGER.info
