"""Letters that are drawn by several marks each, as in heavy leetspeak."""

import re
from itertools import takewhile

from lethe.classifier.disguises.reader import Reader
from lethe.classifier.disguises.scan import Scan
from lethe.classifier.text.aligned_text import AlignedText, replaced
from lethe.classifier.text.letter_statistics import LetterStatistics
from lethe.classifier.text.points import translated

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
# So many in so many characters, as no program and no table has them, and how far around them other words are read.
_FEWEST_DRAWN, _TOGETHER, _AROUND = 6, 300, 160
# Bits a letter of the words that they make, and the share of these that are letters: of code at most -5.5 and 0.3, of
# questions at least -4.7 and 0.8.
_LANGUAGE, _SHARE_OF_LETTERS = -5.2, 0.6
_STATISTICS = LetterStatistics.load()


def _may_be_drawn(scan: Scan) -> bool:
    # All drawings but two have a slash that leans back, or a bar.
    strokes = scan.count(b"\\|")
    return strokes + scan.signs.count(b"(_)") + scan.signs.count(b"><") >= _FEWEST_DRAWN


def read_drawn(text: str) -> AlignedText | None:
    """The text with letters that are drawn by several marks each, as in heavy leetspeak, the digits for the others too."""
    found: list[tuple[int, int, str]] = []
    for start, end in _drawn_stretches(text):
        behind = takewhile(
            lambda word, last=end + _AROUND: word.start() < last,
            _DRAWN_WORD.finditer(text, max(start - _AROUND, 0)),
        )
        words = list(behind)
        drawn = " ".join(_read(word[0]) for word in words if _DRAWN.search(word[0]))
        if not _is_language(drawn):
            continue
        done = found[-1][1] if found else 0
        found += (
            (*word.span(), _read(word[0]))
            for word in words
            if word.start() >= done and _OF_DRAWN.search(word[0])
        )
    return replaced(text, found)


def _drawn_stretches(text: str) -> list[tuple[int, int]]:
    """Half-open stretches with many drawn letters, from the first to the last of them."""
    places = [match.span() for match in _DRAWN.finditer(text)]
    stretches: list[tuple[int, int]] = []
    for (start, _), (last, end) in zip(places, places[_FEWEST_DRAWN - 1 :], strict=False):
        if last - start <= _TOGETHER:
            if stretches and start <= stretches[-1][1]:
                start, _ = stretches.pop()
            stretches.append((start, end))
    return stretches


def _is_language(read: str) -> bool:
    return (
        sum(map(str.isalpha, read)) >= _SHARE_OF_LETTERS * len(read) > 0
        and _STATISTICS.of_text(read) >= _LANGUAGE
    )


def _read(word: str) -> str:
    return translated(_ANY_DRAWN.sub(lambda mark: _DRAWINGS[mark[0]], word), _DRAWN_DIGITS)


DRAWN = Reader("drawn letters", _may_be_drawn, read_drawn)
