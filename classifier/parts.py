"""A long text in parts that can be read apart: no disguise goes on from one to the next.

Most readings change a few words of a text, so most parts of one stand in the others too and need not be read again.
"""

import re
from collections.abc import Iterable, Iterator

# Lines of this many characters together, or one longer line.
_LENGTH = 8192
# What begins a part, after the line break and spaces that end the one before. A letter or digit that stands alone may go on
# with letters that are spaced out over lines, and so may the marks between such letters.
_BEGINNING = r"(?:\w\w|[^\w\s._\-*·|/'’])"
_BEGINS = re.compile(_BEGINNING)
_BOUNDARY = re.compile(rf"\n[ \t]*+(?={_BEGINNING})")


def split_parts(text: str) -> tuple[str, ...]:
    """The parts of a text, from its beginning to its end."""
    parts: list[str] = []
    start = 0
    while len(text) - start > 2 * _LENGTH:
        boundary = _BOUNDARY.search(text, start + _LENGTH)
        if boundary is None:
            break
        parts.append(text[start : boundary.end()])
        start = boundary.end()
    return (*parts, text[start:])


def whole_parts(parts: Iterable[str]) -> tuple[str, ...]:
    """Parts after they were rewritten, those joined that can no longer be read apart."""
    return tuple(map("".join, _groups(parts)))


def _groups(parts: Iterable[str]) -> Iterator[list[str]]:
    group: list[str] = []
    for part in parts:
        if group and _BEGINS.match(part) and group[-1].rstrip(" \t").endswith("\n"):
            yield group
            group = []
        group.append(part)
    yield group
