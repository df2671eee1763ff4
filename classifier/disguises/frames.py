"""What a stretch of a text may be a part of: a line, a quotation, or what follows a label."""

import re

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
        (match.start() + line_start, match.end() + line_start)
        for pattern in (_LINE, _AFTER_LABEL, _QUOTED)
        for match in pattern.finditer(line)
    ]
    least = SHARE_OF_FRAME * (end - start)
    return list(
        dict.fromkeys(
            [(start, end), *(each for each in found if min(each[1], end) - max(each[0], start) >= least)]
        )
    )
