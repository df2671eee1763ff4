"""Pieces of a text in disorder, each with its number: tags, entries of JSON, or lines that say which place they have.

Taken where the numbers are those of places, each once, and not in their order already.
"""

import functools
import itertools
import json
import re
from collections.abc import Iterator, Sequence

from lethe.classifier.disguises.reader import Reader
from lethe.classifier.disguises.scan import Scan
from lethe.classifier.text.aligned_text import AlignedText, replaced

_FEWEST, _LONGEST = 6, 48
# Characters from a piece to the next.
_LONGEST_GAP = 8
# Of places, how many must be taken: what stands at the others may be spaces.
_LEAST_TAKEN = 0.7
# How often each number may stand, where other numbers do besides.
_MOST_REPEATED = 1.5
# Places are counted from nought or one.
_SECOND_PLACE = 1
_DIGITS = b"0123456789"
_NUMBER = r"(?P<number>[0-9]{1,3})"
_QUOTED = rf"\"(?P<piece>(?:[^\"\\\n]|\\.){{1,{_LONGEST}}})\""
# How pieces and their numbers are written, and what each has a number in, which is found fast.
_ENTRIES = tuple(
    (re.compile(gate), tuple(map(re.compile, patterns)))
    for gate, *patterns in (
        # <c at="7">H</c>
        (
            r"=[\"']?([0-9]{1,3})[\"']?>",
            rf"<\w+[^<>\n\d]{{0,24}}?{_NUMBER}[^<>\n\d]{{0,8}}>(?P<piece>[^<>\n]{{1,{_LONGEST}}})</\w+>",
        ),
        # "friend": 5
        (r"\"\s?[:,]\s?([0-9]{1,3})(?!\d)", rf"{_QUOTED}\s?[:,]\s?{_NUMBER}(?!\d)"),
        # 5: "friend", "5": "friend", [5, "friend"]
        (r"([0-9]{1,3})\"?[:,] ?\"", rf"(?<![\w.])\"?{_NUMBER}\"?\s?[:,]\s?{_QUOTED}"),
        # [5] friend, 5. friend, 5) friend, (5) friend, #5 friend
        (
            r"\n[\[(#]?\^?([0-9]{1,3})[\]).:\-]",
            rf"(?m)^[\[(#]?\^?{_NUMBER}[\]).:\-][ \t]?:?[ \t]?(?P<piece>[^\n]{{1,{_LONGEST}}})$",
        ),
        # friend(5), or (5) friend, on one line with others
        (
            r"[\[({<]([0-9]{1,3})[\])}>]",
            rf"(?P<piece>[^\s\[\](){{}}<>]{{1,{_LONGEST}}})[\[({{<]{_NUMBER}[\])}}>]",
            rf"[\[({{<]{_NUMBER}[\])}}>]\s?(?P<piece>[^\s\[\](){{}}<>]{{1,{_LONGEST}}})",
        ),
    )
)


def _may_be_numbered(scan: Scan) -> bool:
    return scan.count(_DIGITS) >= _FEWEST and bool(_may_match(scan.text))


@functools.lru_cache(8)
def _may_match(text: str) -> Sequence[re.Pattern[str]]:
    """How there may be pieces with their numbers: those that code has stand there again and again."""
    # Asked once whether there are any, and then which.
    found: list[re.Pattern[str]] = []
    for gate, entries in _ENTRIES:
        # The first line has no line break before it.
        numbers = gate.findall(text)
        if _FEWEST - 1 <= len(numbers) <= _MOST_REPEATED * len(set(numbers)):
            found += entries
    return found


def read_numbered(text: str) -> AlignedText | None:
    """The text with numbered pieces in the order of their numbers; None where there are none, or they are in order."""
    runs = [run for entry in _may_match(text) for run in _runs(entry, text)]
    if not runs:
        return None
    # One way to read them is a number off where they stand without spaces; it covers less.
    run = max(runs, key=lambda run: run[-1].end() - run[0].start())
    numbers = [int(match["number"]) for match in run]
    read = _in_order(numbers, [_unquoted(text, match) for match in run])
    return replaced(text, [(run[0].start(), run[-1].end(), f" {read} ")])


def _runs(entry: re.Pattern[str], text: str) -> Iterator[list[re.Match[str]]]:
    """Pieces that stand by one another, no words between, and have the numbers of their places."""
    run: list[re.Match[str]] = []
    for match in itertools.chain(entry.finditer(text), (None,)):
        gap = text[run[-1].end() : match.start()] if run and match else ""
        if match is None or len(gap) > _LONGEST_GAP or any(map(str.isalnum, gap)):
            if len(run) >= _FEWEST and _are_places([int(each["number"]) for each in run]):
                yield run
            run = []
        if match is not None:
            run.append(match)


def _are_places(numbers: Sequence[int]) -> bool:
    first, last = min(numbers), max(numbers)
    return (
        first <= _SECOND_PLACE
        and len(set(numbers)) == len(numbers) >= _LEAST_TAKEN * (last - first + 1)
        and numbers != sorted(numbers)
    )


def _in_order(numbers: Sequence[int], pieces: Sequence[str]) -> str:
    by_place = dict(zip(numbers, pieces, strict=True))
    lengths = set(map(len, (by_place[place] for place in sorted(by_place)[:-1])))
    # Words have no spaces about them and are of any length; what was cut at any place does not.
    are_words = len(lengths) > 1 and all(piece == piece.strip() for piece in pieces)
    between = " " if are_words else ""
    return between.join(by_place.get(place, " ") for place in range(min(numbers), max(numbers) + 1))


def _unquoted(text: str, match: re.Match[str]) -> str:
    piece = match["piece"]
    if text[match.start("piece") - 1] != '"':
        return piece
    try:
        read = str(json.loads(f'"{piece}"'))
        # Half of a character is no text.
        read.encode()
    except ValueError:
        return piece
    return read


NUMBERED_PIECES = Reader("numbered pieces", _may_be_numbered, read_numbered)
