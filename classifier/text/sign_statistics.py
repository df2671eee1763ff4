"""How much a stretch of signs is like ordinary text of any kind: what three signs stand in a row, learned from such text.

Letters, marks and spaces are counted one by one, digits as one kind, and what is beyond ASCII by its script or the purpose
of its signs. `LetterStatistics` knows Latin letters alone, and what is a word in many languages; this one knows prose, code,
logs and tables, and so what is none of them, whatever it is written in. Knows nothing about disguises or models.
"""

import functools
import re
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.text.points import points_of

# What `load` reads: (KINDS**3,) uint8, eighths of a bit; lethe.offline.text_models.sign_table writes it.
TABLE = Path(__file__).with_name("sign_statistics.npz")
_KINDS = 128
_EIGHTHS = 8
# A sign says no more than this many bits against a stretch, so that none is condemned by a few that are rare.
_MOST_BITS = 12
_SUMMED_IN_32_BITS = 1 << 24
# Observations that each likelihood from shorter contexts counts for.
_OF_PAIRS, _OF_SIGNS = 8, 20
_ONE_BY_ONE = "\n" + "".join(sign for sign in map(chr, range(32, 127)) if sign not in string.digits)
# Scripts that languages are written in: what is in them is no code, and other models judge it.
_SCRIPTS = (
    ((0x00C0, 0x024F), (0x1E00, 0x1EFF)),
    ((0x0370, 0x03FF), (0x1F00, 0x1FFF)),
    ((0x0400, 0x052F),),
    ((0x0590, 0x08FF), (0xFB1D, 0xFDFF), (0xFE70, 0xFEFE)),
    ((0x0900, 0x0DFF),),
    ((0x0E00, 0x0FFF),),
    ((0x3003, 0x30FF), (0x3400, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF)),
    ((0x1100, 0x11FF), (0x3130, 0x318F), (0xAC00, 0xD7AF)),
    ((0x0530, 0x058F), (0x1000, 0x10FF), (0x1200, 0x167F), (0x1700, 0x1CFF), (0x2C80, 0x2DFF), (0xA4D0, 0xA71F), (0xA800, 0xABFF)),
    ((0xFF10, 0xFFEF),),
)  # fmt: skip
# Other signs by what they are for: marks, phonetics, raised and lowered ones, money, letters as signs, arrows, mathematics,
# machines, enclosed letters, frames, shapes, Braille, pictures, scripts that nobody writes in, letters of formulas.
_PURPOSES = (
    ((0x00A1, 0x00BF), (0x2010, 0x205E), (0x3000, 0x3002), (0xFF00, 0xFF0F)),
    ((0x0250, 0x02FF), (0x1D00, 0x1DBF), (0xA720, 0xA7FF)),
    ((0x2070, 0x209F),),
    ((0x20A0, 0x20CF),),
    ((0x2100, 0x218F),),
    ((0x2190, 0x21FF), (0x27F0, 0x27FF), (0x2900, 0x297F), (0x2B00, 0x2BFF)),
    ((0x2200, 0x22FF), (0x2980, 0x2AFF)),
    ((0x2300, 0x243F),),
    ((0x2460, 0x24FF), (0x3200, 0x33FF), (0x1F100, 0x1F1FF)),
    ((0x2500, 0x259F),),
    ((0x25A0, 0x27EF),),
    ((0x2800, 0x28FF),),
    ((0x1F200, 0x1FAFF),),
    ((0x1680, 0x16FF), (0x10000, 0x1D0FF)),
    ((0x1D400, 0x1D7FF),),
)
_DIGIT = len(_ONE_BY_ONE) + 1
_FIRST_SCRIPT = _DIGIT + 1
_FIRST_PURPOSE = _FIRST_SCRIPT + len(_SCRIPTS)
_OTHER = 0
_IN_SCRIPT = np.zeros(_KINDS, bool)
_IN_SCRIPT[_FIRST_SCRIPT:_FIRST_PURPOSE] = True
# Hashes, keys and files in base64, names in code, formulas of molecules, ranges of characters: what they are made of says
# nothing, and other tests judge them.
_LONG_WORD = re.compile(
    r"[A-Za-z0-9+/_=-]{20,}|(?:Cl|Br|Si|[BCFHINOPSbcnops0-9()\[\]=#@+\\/.-]){10,}|(?:[^\x00-\x7f]-[^\x00-\x7f]\S{0,6}?){3,}"
)


@dataclass(frozen=True)
class Level:
    """From where on a stretch is odd.

    Attributes
    ----------
    bits
        What a sign of it says against ordinary text, less what it may, in the mean.
    enough
        How many bits above that it has in all.
    """

    bits: float
    enough: float


@dataclass(frozen=True, eq=False)
class SignStatistics:
    """How unlikely each sign is after the two before it.

    Attributes
    ----------
    surprise
        (128³,) uint8, in eighths of a bit, of each kind of sign after two others.
    """

    surprise: NDArray[np.uint8]

    @classmethod
    def load(cls) -> "SignStatistics":
        """Those of the package, learned from ordinary text of the machine that made it."""
        return _load()

    @classmethod
    def of(cls, texts: Iterable[str]) -> "SignStatistics":
        """From ordinary texts, by interpolation with shorter contexts."""
        counts = np.zeros(_KINDS**3)
        for text in texts:
            np.add.at(counts, _triples(kinds_of_signs(text)), 1)
        counts = counts.reshape(_KINDS, _KINDS, _KINDS)
        pairs = counts.sum(axis=0)
        alone = pairs.sum(axis=0) + 0.5
        alone /= alone.sum()
        after_one = (pairs + _OF_SIGNS * alone) / (pairs.sum(axis=1, keepdims=True) + _OF_SIGNS)
        after_two = (counts + _OF_PAIRS * after_one) / (counts.sum(axis=2, keepdims=True) + _OF_PAIRS)
        bits = np.minimum(-np.log2(after_two), _MOST_BITS)
        return cls(np.rint(_EIGHTHS * bits).astype(np.uint8).reshape(-1))

    def odd(self, text: str, levels: Sequence[Level]) -> list[tuple[int, int]]:
        """As `WeighedSigns.odd`."""
        return self.weighed(text).odd(levels)

    def weighed(self, text: str) -> "WeighedSigns":
        """The signs of a text with what each says against ordinary text."""
        kinds = kinds_of_signs(text)
        surprise = self.surprise.take(_triples(kinds)).astype(np.int32)
        if text.isascii():
            return WeighedSigns(text, surprise, None)
        # What stands in a script, and what follows it.
        quiet = _IN_SCRIPT.take(kinds)
        quiet[1:] |= quiet[:-1].copy()
        quiet[1:] |= quiet[:-1].copy()
        return WeighedSigns(text, surprise, quiet)


@dataclass(frozen=True, eq=False)
class WeighedSigns:
    """The signs of a text.

    Attributes
    ----------
    surprise
        (N,) int32, how unlikely each is, in eighths of a bit.
    quiet
        (N,), which say nothing against it; None where all may.
    """

    text: str
    surprise: NDArray[np.int32]
    quiet: NDArray[np.bool_] | None

    def part(self, start: int, end: int) -> "WeighedSigns":
        """Those of a half-open stretch, as they are after what stands before it."""
        quiet = None if self.quiet is None else self.quiet[start:end]
        return WeighedSigns(self.text[start:end], self.surprise[start:end], quiet)

    def may_be_odd(self, levels: Sequence[Level]) -> bool:
        """Whether any stretch may be as odd as one of some levels says: few texts come near to any of them."""
        # What stays below the least of each does so to all.
        least = Level(min(level.bits for level in levels), min(level.enough for level in levels))
        return _highest(self._above(least, self.quiet)) >= round(_EIGHTHS * least.enough)

    def odd(self, levels: Sequence[Level]) -> list[tuple[int, int]]:
        """Half-open stretches that are as odd as one of some levels says, in no order; some may overlap."""
        found: list[tuple[int, int]] = []
        quiet, told = self.quiet, False
        for level in levels:
            above, enough = self._above(level, quiet), round(_EIGHTHS * level.enough)
            if not told and _highest(above) >= enough:
                quiet, told = self._with_long_words, True
                above = self._above(level, quiet)
            found += _excursions(above, enough)
        return found

    @functools.cached_property
    def _with_long_words(self) -> NDArray[np.bool_]:
        """(N,), which signs say nothing, those of long words among them."""
        quiet = np.zeros(len(self.surprise), bool) if self.quiet is None else self.quiet.copy()
        for match in _LONG_WORD.finditer(self.text):
            quiet[match.start() : match.end() + 1] = True
        return quiet

    def _above(self, level: Level, quiet: NDArray[np.bool_] | None) -> NDArray[np.int32]:
        """By how much each sign says more against the text than a level lets it."""
        above = self.surprise - np.int32(round(_EIGHTHS * level.bits))
        if quiet is not None:
            above[quiet] = np.minimum(above[quiet], 0)
        return above


def kinds_of_signs(text: str) -> NDArray[np.uint8]:
    """The kind of each character, (N,)."""
    if text.isascii():
        return np.frombuffer(text.encode().translate(_KIND_OF_BYTE), np.uint8)
    return kinds_of_points(points_of(text))


def kinds_of_points(points: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """The kind of each code point, (N,)."""
    return _kinds().take(points, mode="clip")


@functools.cache
def _load() -> SignStatistics:
    with np.load(TABLE) as tables:
        return SignStatistics(tables["surprise"])


@functools.cache
def _kinds() -> NDArray[np.uint8]:
    """The kind of each code point; the last entry stands for all from there on."""
    table = np.full(0x40000, _OTHER, np.uint8)
    for groups, first in ((_SCRIPTS, _FIRST_SCRIPT), (_PURPOSES, _FIRST_PURPOSE)):
        for kind, group in enumerate(groups, first):
            for start, end in group:
                table[start : end + 1] = kind
    table[:128] = [_kind_of_ascii(chr(point)) for point in range(128)]
    table[0xA0] = _kind_of_ascii(" ")
    return table


def _kind_of_ascii(sign: str) -> int:
    if sign in string.digits:
        return _DIGIT
    return _ONE_BY_ONE.find(" " if sign == "\t" else sign) + 1


_KIND_OF_BYTE = bytes(_kind_of_ascii(chr(point)) for point in range(256))


def _triples(kinds: NDArray[np.uint8]) -> NDArray[np.int32]:
    """For each character, which three kinds end with it, (N,); a text begins as a line does."""
    padded = np.full(len(kinds) + 2, _kind_of_ascii("\n"), np.int32)
    padded[2:] = kinds
    return (padded[:-2] * _KINDS + padded[1:-1]) * _KINDS + padded[2:]


def _sums(above: NDArray[np.int32]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The sums up to each place, and the lowest before it, (N + 1,) each."""
    # Half the bytes where they surely suffice.
    sums = np.zeros(len(above) + 1, np.int32 if len(above) < _SUMMED_IN_32_BITS else np.int64)
    above.cumsum(dtype=sums.dtype, out=sums[1:])
    return sums, np.minimum.accumulate(sums)


def _highest(above: NDArray[np.int32]) -> int:
    sums, lowest = _sums(above)
    return int((sums - lowest).max())


def _excursions(above: NDArray[np.int32], enough: int) -> list[tuple[int, int]]:
    """Stretches whose sum is large, each from where the sums were lowest to where they are highest before they are lower."""
    sums, lowest = _sums(above)
    excess = sums - lowest
    tops = (excess >= enough).nonzero()[0]
    if not len(tops):
        return []
    begins = np.maximum.accumulate(np.where(excess == 0, np.arange(len(excess)), 0))[tops]
    edges = np.flatnonzero(np.diff(begins, prepend=-1))
    return [
        (int(begins[first]), int(group[excess[group].argmax()]))
        for first, group in zip(edges, np.split(tops, edges[1:]), strict=True)
    ]
