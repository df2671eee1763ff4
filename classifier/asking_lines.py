"""Lines of a longer text that may be what it asks: a question among pages of something else, or what stands before or behind them.

To a head such a line is one of a thousand stretches, and a thousand stretches ask for a high score. Ordinary material has few lines
that end in a question mark, and every text has only one first line and one last one that stand apart. So these few are judged as the
questions that they would be by themselves.
"""

import heapq
import re
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, islice, pairwise

from lethe.classifier.questions import LONGEST_QUESTION, describes

_Line = tuple[int, int]

# Of a text with more of them, as lists of questions have, so many of the first and of the last.
_AT_EACH_END = 4
# Of a text that has nothing but question marks.
_MARKS_LOOKED_AT = 1000
_MARKS = "?？؟⁇⁈⁉﹖⸮՞፧"
_BREAKS = "\n\r\x0b\x0c\x85\u2028\u2029"
_BREAK = re.compile(f"\r\n|[{_BREAKS}]")
_LINE = re.compile(f"[^{_BREAKS}]+")
# What may stand behind a question mark at the end of a line: other marks, brackets, quotes, signs that nobody sees, closing tags.
_BEHIND_A_MARK = re.compile(rf"(?:</?\w{{1,16}}>|[^\w{_BREAKS}]){{0,24}}(?=[{_BREAKS}]|\Z)")
# Beside an empty line, what sets a line apart from a text: a fence, a rule, a tag.
_APART = re.compile(r"(?:```|~~~).*|-{3,}|={3,}|\*{3,}|</?\w[^>]*>")
# Lines too short to say anything that may stand before the first one and behind the last, as "Answer:".
_SKIPPED = 2
_INDENT = 80
# As much of an end of a text as is looked at for its first and last line.
_END = 512


def asking_lines(text: str) -> list[_Line]:
    """Where these lines stand, half-open and in their order; a text no longer than a question is asked as a whole, and has none."""
    if len(text) <= LONGEST_QUESTION:
        return []
    # To merge the places of marks that do not occur takes longer than to look for them.
    marks = [mark for mark in _MARKS if mark in text]
    first = _asking(text, chain(_opening(text), _lines_with_marks(text, _places(text, marks))))
    last = _asking(text, chain(_closing(text), _lines_with_marks(text, _places(text, marks, backwards=True))))
    return sorted(first | last)


def _asking(text: str, lines: Iterator[_Line]) -> set[_Line]:
    found: set[_Line] = set()
    for start, end in lines:
        if end - start <= LONGEST_QUESTION and describes(text[start:end]):
            found.add((start, end))
            if len(found) == _AT_EACH_END:
                break
    return found


def _places(text: str, marks: Sequence[str], *, backwards: bool = False) -> Iterator[int]:
    """Where the first of these marks stand, or the last ones, the last one first."""

    def of(mark: str) -> Iterator[int]:
        place = text.rfind(mark) if backwards else text.find(mark)
        while place >= 0:
            yield place
            place = text.rfind(mark, 0, place) if backwards else text.find(mark, place + 1)

    return islice(heapq.merge(*map(of, marks), reverse=backwards), _MARKS_LOOKED_AT)


def _lines_with_marks(text: str, places: Iterator[int]) -> Iterator[_Line]:
    """The lines that end in a question mark at one of these places."""
    for place in places:
        behind = _BEHIND_A_MARK.match(text, place + 1)
        if not behind:
            continue
        reach = max(0, place - LONGEST_QUESTION - _INDENT)
        before = _BREAK.split(text[reach:place])
        if len(before) > 1 or not reach:
            yield _without_space(text, place - len(before[-1]), behind.end())


def _opening(text: str) -> Iterator[_Line]:
    """The first line that says something, where it stands apart from what follows or leads up to it by a colon."""
    lines = islice(_lines(text, 0, _END), _SKIPPED + 2)
    for line, following in pairwise(lines):
        if describes(text[slice(*line)]):
            if text[line[1] - 1] in ":：" or _are_apart(text, line, following, text[slice(*following)]):
                yield line
            return


def _closing(text: str) -> Iterator[_Line]:
    """The last line that says something, where it stands apart from what is before it."""
    lines = deque(_lines(text, max(0, len(text) - _END), len(text)), _SKIPPED + 2)
    for before, line in reversed(list(pairwise(lines))):
        if describes(text[slice(*line)]):
            if _are_apart(text, before, line, text[slice(*before)]):
                yield line
            return


def _lines(text: str, start: int, end: int) -> Iterator[_Line]:
    """The lines of a stretch that have something in them, without the white space around."""
    for found in _LINE.finditer(text, start, end):
        line = _without_space(text, *found.span())
        if line[0] < line[1]:
            yield line


def _are_apart(text: str, first: _Line, second: _Line, rule: str) -> bool:
    """Whether two lines that follow each other have an empty one between them, or one is a rule."""
    return len(_BREAK.findall(text, first[1], second[0])) > 1 or bool(_APART.fullmatch(rule))


def _without_space(text: str, start: int, end: int) -> _Line:
    line = text[start:end]
    stripped = line.lstrip()
    start += len(line) - len(stripped)
    return start, start + len(stripped.rstrip())
