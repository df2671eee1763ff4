"""JSON as text to classify: with its strings as they are, and as it is written where that makes other words.

A template may print a value of a request as JSON, with a backslash and a letter for a line's end, or print its strings
plainly. Either way may make a word that the other does not show.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

# In JSON every backslash begins one of these.
_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))')
_MEANT = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
# An escape whose letter would begin a word.
_GLUED = re.compile(r"\\[bfnrt](?=[^\W\d_])")
# How much around it is read as it is written.
_AROUND = 160


def value_readings(value: Any) -> list[str]:
    """The texts that a value may be printed as, as of `json_readings`; never raises."""
    return json_readings(json.dumps(value, ensure_ascii=False, default=str))


def argument_readings(arguments: str) -> list[str]:
    """The texts that the arguments of a tool call may be printed as: as of `json_readings` if they are JSON, else as they are."""
    if "\\" not in arguments:
        return [arguments]
    try:
        json.loads(arguments)
    except (ValueError, RecursionError):
        return [arguments]
    return json_readings(arguments)


def json_readings(text: str) -> list[str]:
    """The texts that valid JSON may be printed as: with its strings plain, and what its escapes make words of."""
    if "\\" not in text:
        return [text]
    plain = _ESCAPE.sub(_meant, text)
    if "\\u" in text:
        # Two halves of one character are written as two escapes.
        plain = plain.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    written = [text[start:end] for start, end in _around_glued(text)]
    return [plain, "\n".join(written)] if written else [plain]


def _meant(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1] else _MEANT[escape[2]]


def _around_glued(text: str) -> Iterator[tuple[int, int]]:
    """Stretches that hold every glued escape with what stands around it; they ascend and do not touch."""
    start = end = -1
    for match in _GLUED.finditer(text):
        if match.start() - _AROUND > end:
            if end > 0:
                yield start, end
            start = max(match.start() - _AROUND, 0)
        end = min(match.end() + _AROUND, len(text))
    if end > 0:
        yield start, end
