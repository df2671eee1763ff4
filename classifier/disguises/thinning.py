"""Letters that were added to a text: repeats of each, echoes, a filler again and again, or any letters at every few places.

Gives what may be left without them, whether or not it is language.
"""

import re
from collections import Counter
from collections.abc import Iterator

import numpy as np

from lethe.classifier.text.letter_statistics import KINDS, kinds_of
from lethe.classifier.text.points import points_of

_REPEATED = re.compile(r"([A-Za-z])\1*")
# Nearly all letters are, so some two in a row.
_ALL_REPEATED = re.compile(r"([A-Za-z])\1[\W\d_]*([A-Za-z])\2")
_ECHO = re.compile(r"(?=([a-z])([a-z])\1)", re.IGNORECASE)
# Of all characters, how many must begin an echo, and how many a filler takes.
_SHARE_OF_ECHOES, _SHARE_OF_FILLER = 0.11, 0.14
# Every so many letters one may count.
_STEPS = (2, 3, 4)
_NO_LETTER = re.compile(r"[\W\d_]+")


def thinned(stretch: str) -> Iterator[str]:
    """What may be left of a stretch without the letters that were added to it."""
    repeated = _without_repeats(stretch)
    if repeated is not None:
        yield repeated
    most_often, echoes = _repeats(stretch)
    if max(count * length for length, count in enumerate(most_often, 1)) >= _SHARE_OF_FILLER * len(stretch):
        yield from _without_fillers(stretch, most_often)
    if echoes >= _SHARE_OF_ECHOES * len(stretch):
        yield from _without_echoes(stretch)


def every_few(stretch: str) -> Iterator[str]:
    """Every second, third or fourth character of a stretch, and of its letters, from each of the first ones on."""
    for text in dict.fromkeys((stretch, _NO_LETTER.sub("", stretch))):
        for step in _STEPS:
            yield from (text[start::step] for start in range(step))


def _without_repeats(stretch: str) -> str | None:
    """One letter of every two, three or four that are the same."""
    if not _ALL_REPEATED.search(stretch):
        return None
    runs = [len(match[0]) for match in _REPEATED.finditer(stretch)]
    for count in (4, 3, 2):
        if runs and sum(run % count == 0 for run in runs) >= 0.9 * len(runs):
            return re.sub(rf"([^\n])\1{{{count - 1}}}", r"\1", stretch)
    return None


def _without_echoes(stretch: str) -> Iterator[str]:
    """One letter of every two that are the same with another letter between them, whichever that is, and the other gone."""
    between = Counter(match[2].lower() for match in _ECHO.finditer(stretch))
    for letter, count in between.most_common(2):
        if count >= _SHARE_OF_ECHOES * len(stretch):
            yield re.sub(rf"([a-z]){letter}\1", r"\1", stretch, flags=re.IGNORECASE)


def _repeats(text: str) -> tuple[tuple[int, int, int], int]:
    """How often a letter, a pair and a triple of them stand in a text at most, and how often a letter between two that are the same.

    Of triples no more than of pairs is said.
    """
    if text.isascii():
        kinds = kinds_of(text)
        size, letters = KINDS, kinds > 0
    else:
        lowered = text.lower()
        characters = sorted(set(lowered))
        kinds = points_of("".join(characters)).searchsorted(points_of(lowered))
        size, letters = len(characters), np.array([character.isalpha() for character in characters])[kinds]
    if not letters.any():
        return (0, 0, 0), 0
    both = letters[:-1] & letters[1:]
    pairs = kinds[:-1].astype(np.int64) * size + kinds[1:]
    of_pairs = int(np.bincount(pairs[both]).max(initial=0))
    echoed = (kinds[:-2] == kinds[2:]) & both[:-1] & both[1:]
    between = kinds[1:-1][echoed]
    return (int(np.bincount(kinds[letters]).max()), of_pairs, of_pairs), int(
        np.bincount(between).max(initial=0)
    )


def _without_fillers(stretch: str, most_often: tuple[int, int, int]) -> Iterator[str]:
    """Without the letters, pairs and triples that stand there most often."""
    lowered = stretch.lower()
    least = _SHARE_OF_FILLER * len(stretch)
    for length, most in ((1, 3), (2, 4), (3, 3)):
        if most_often[length - 1] * length < least:
            continue
        # The pieces as tuples, a tenth of the time of cutting each out.
        counted = Counter(zip(*(lowered[place:] for place in range(length)), strict=False))
        frequent = [
            "".join(piece)
            for piece, count in counted.most_common(most)
            if "".join(piece).isalpha() and count * length >= least
        ]
        for piece in frequent:
            yield _without(stretch, lowered, piece)


def _without(stretch: str, lowered: str, piece: str) -> str:
    """A stretch without some letters wherever they stand, capital or small."""
    if not stretch.isascii():
        return re.sub(re.escape(piece), "", stretch, flags=re.IGNORECASE)
    # A pattern would be made for each piece, which takes longer than to look for it.
    kept: list[str] = []
    start = 0
    for between in lowered.split(piece):
        kept.append(stretch[start : start + len(between)])
        start += len(between) + len(piece)
    return "".join(kept)
