"""Letters that are drawn by several marks each, as in heavy leetspeak."""

import re

from lethe.classifier.aligned_text import AlignedText, substitute
from lethe.classifier.points import translated
from lethe.classifier.reader import Reader
from lethe.classifier.scan import Scan

_DRAWINGS = {
    "\\/\\/": "w", "|\\/|": "m", "/\\/\\": "m", "|V|": "m", "|\\|": "n", "|-|": "h", "|_|": "u", "(_)": "u", "|<": "k", "|)": "d",
    "|2": "r", "|3": "b", "|=": "f", "|*": "p", "|>": "p", "_|": "j", "|_": "l", "\\/": "v", "><": "x", "/\\": "a", "|": "l", "(": "c",
}  # fmt: skip
_DRAWN = re.compile("|".join(map(re.escape, sorted(_DRAWINGS, key=len, reverse=True)[:-2])))
_ANY_DRAWN = re.compile("|".join(map(re.escape, sorted(_DRAWINGS, key=len, reverse=True))))
_DRAWN_WORD, _OF_DRAWN = (
    re.compile(r"(?<!\S)\S{1,200}(?!\S)"),
    re.compile(r"[|\\(]|[0-9][a-z]|[a-z][0-9]|^[0-9]+$"),
)
_DRAWN_DIGITS = bytes.maketrans(b"0123456789@$!", b"olzeasbtbgasi")
_FEWEST_DRAWN = 6


def _may_be_drawn(scan: Scan) -> bool:
    # All drawings but two have a slash that leans back, or a bar.
    strokes = scan.count(b"\\|")
    return strokes + scan.signs.count(b"(_)") + scan.signs.count(b"><") >= _FEWEST_DRAWN


def read_drawn(text: str) -> AlignedText | None:
    """The text with letters that are drawn by several marks each, as in heavy leetspeak, the digits for the others too."""
    if len(_DRAWN.findall(text)) < _FEWEST_DRAWN:
        return None

    def read(word: str) -> str | None:
        if _OF_DRAWN.search(word) is None:
            return None
        return translated(_ANY_DRAWN.sub(lambda mark: _DRAWINGS[mark[0]], word), _DRAWN_DIGITS)

    return substitute(_DRAWN_WORD, text, read)


DRAWN = Reader("drawn letters", _may_be_drawn, read_drawn)
