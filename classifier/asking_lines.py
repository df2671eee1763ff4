"""Lines of a longer text that may be what it asks: a question among pages of something else, or what stands before or behind them.

To a head such a line is one of a thousand stretches, and a thousand stretches ask for a high score. Ordinary material has few lines
that end in a question mark, and every text has only one first line and one last one that stand apart. So these few are judged as the questions that
they would be by themselves.
"""

import re

from lethe.classifier.questions import LONGEST_QUESTION, describes

# Of a text with more of them, as lists of questions have, so many of the first and of the last.
_AT_EACH_END = 4
_BEFORE_A_TEXT, _BEHIND_A_TEXT = re.compile(r"[^\S\n]*\n[^\S\n]*\n"), re.compile(r"\n[^\S\n]*\n\s*\Z")
_LONGEST_GAP = 100
_ENDS_IN_QUESTION = re.compile(r"""[?？؟]["'”’»)\]*_`]*[^\S\n]*$""", re.MULTILINE)


def asking_lines(text: str) -> list[tuple[int, int]]:
    """Where these lines stand, half-open and in their order; a text no longer than a question is asked as a whole, and has none."""
    if len(text) <= LONGEST_QUESTION:
        return []
    lines = {_line_at(text, end.end()) for end in _ENDS_IN_QUESTION.finditer(text)}
    first, last = _line_at(text, len(text) - len(text.lstrip()) + 1), _line_at(text, len(text.rstrip()))
    # What is asked about a text stands apart from it, where a line of the text does not.
    if _BEFORE_A_TEXT.match(text, first[1]) or text[first[0] : first[1]].endswith((":", "：")):
        lines.add(first)
    if _BEHIND_A_TEXT.search(text[max(0, last[0] - _LONGEST_GAP) : last[0]]):
        lines.add(last)
    asking = sorted(line for line in lines if _may_ask(text[slice(*line)]))
    return asking if len(asking) <= 2 * _AT_EACH_END else asking[:_AT_EACH_END] + asking[-_AT_EACH_END:]


def _line_at(text: str, place: int) -> tuple[int, int]:
    """The line that the character before a place stands in, without the white space around it."""
    start = text.rfind("\n", 0, place) + 1
    end = text.find("\n", place)
    line = text[start : end if end >= 0 else len(text)]
    return start + len(line) - len(line.lstrip()), start + len(line.rstrip())


def _may_ask(line: str) -> bool:
    return len(line) <= LONGEST_QUESTION and describes(line)
