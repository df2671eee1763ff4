"""What a stretch of a text may be a part of: a line, a quotation, or what follows a label."""

import re
from collections.abc import Iterator

_LINE = re.compile(r"[^\n]*")
_AFTER_LABEL = re.compile(r"(?<=: )\s?\S.*")
_QUOTED = re.compile(r"(?<=[\"“])[^\"“”\n]+(?=[\"”])|(?<=')[^'\n]+(?='(?!\w))|(?<=`)[^`\n]+(?=`)")
# Of a stretch, how much must stand in what is a text of its own for it to be that text.
SHARE_OF_FRAME = 0.6


def frames(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """A stretch, and the line, quotation or what follows a label that most of it stands in."""
    line_start, line_end = text.rfind("\n", 0, start) + 1, text.find("\n", end)
    line = text[line_start : line_end if line_end >= 0 else len(text)]
    found = [
        (first + line_start, last + line_start)
        for pattern in (_LINE, _AFTER_LABEL, _QUOTED)
        for first, last in _touching(pattern, line, start - line_start, end - line_start)
    ]
    least = SHARE_OF_FRAME * (end - start)
    return list(
        dict.fromkeys(
            [(start, end), *(each for each in found if min(each[1], end) - max(each[0], start) >= least)]
        )
    )


def _touching(pattern: re.Pattern[str], line: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """What a pattern finds in a line that touches a stretch of it: a long line of data has hundreds of quotations elsewhere."""
    for match in pattern.finditer(line):
        if match.start() >= end:
            return
        if match.end() > start:
            yield match.span()
