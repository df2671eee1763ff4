"""How much a stretch of Latin letters is like language: what three letters stand in a row, learned from words.

Reads all languages of the words at once. Knows nothing about disguises or models.
"""

import functools
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.text.points import points_of

# What `load` reads: (26 + 27³,) float16; lethe.offline.text_models.letter_table writes it.
TABLE = Path(__file__).with_name("letter_statistics.npy")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
# What begins and ends a word, and the letters.
KINDS = 27
_KIND_OF_BYTE = bytes(
    point - 96 if 97 <= point <= 122 else point - 64 if 65 <= point <= 90 else 0 for point in range(256)
)
_KIND_OF_POINT = np.frombuffer(_KIND_OF_BYTE[:128] + bytes(1), np.uint8)
# A word's weight by its rank, flatter than its frequency so that rare languages count.
_FLATTER, _FIRST_RANKS = 0.6, 30
_SMALLEST_SHARE = 2e-5
# Characters of many texts that are looked up together: as many as stay in a core's cache.
_AT_ONCE = 1 << 15
# Characters that are counted together.
_BLOCK = 16


@dataclass(frozen=True, eq=False)
class LetterStatistics:
    """How likely each letter is after the two before it.

    Attributes
    ----------
    bits
        (27³,) float32, the logarithm to base 2 of the share of each letter, or of a word's end, after two others.
    letters
        (26,) float32, the same of each letter alone.
    """

    bits: NDArray[np.float32]
    letters: NDArray[np.float32]

    @classmethod
    def load(cls) -> "LetterStatistics":
        """Those of the package, learned from the words of the multilingual encoder."""
        return _load()

    @classmethod
    def of(cls, words: Sequence[str]) -> "LetterStatistics":
        """From words, the most frequent first."""
        plain = [
            (rank, word)
            for rank, word in enumerate(map(_without_accents, words))
            if word.isascii() and word.isalpha()
        ]
        weights = [(rank + _FIRST_RANKS) ** -_FLATTER for rank, _ in plain]
        counts = np.zeros(KINDS**3)
        repeated = np.repeat(weights, [len(word) + 1 for _, word in plain])
        np.add.at(counts, _triples(kinds_of("".join(f"{word} " for _, word in plain))), repeated)
        counts = counts.reshape(KINDS, KINDS, KINDS)
        total = counts.sum()
        alone = counts.sum(axis=(0, 1)) / total
        pairs = counts.sum(axis=0)
        smoothing = total * _SMALLEST_SHARE
        after_one = (pairs + 50 * smoothing * alone) / (pairs.sum(axis=1, keepdims=True) + 50 * smoothing)
        after_two = (counts + smoothing * after_one) / (counts.sum(axis=2, keepdims=True) + smoothing)
        # What was before a word's end does not matter, and what is no word counts nothing.
        after_two[:, 0] = after_one[0]
        bits = np.log2(after_two + 1e-9)
        bits[:, 0, 0] = 0
        letters = alone[1:] / alone[1:].sum()
        return cls(bits.astype(np.float32).reshape(-1), np.log2(letters + 1e-9).astype(np.float32))

    def likeness(self, kinds: NDArray[np.uint8]) -> NDArray[np.float64]:
        """The mean of the bits of rows of kinds of characters, (..., N) to (...); prose has -3.3, nonsense -6 to -8."""
        if kinds.ndim > 1 and kinds.size > _AT_ONCE and len(kinds) > 1:
            rows = max(1, len(kinds) * _AT_ONCE // kinds.size)
            return np.concatenate(
                [self.likeness(kinds[start : start + rows]) for start in range(0, len(kinds), rows)]
            )
        return self.bits.take(_triples(kinds)).sum(axis=-1) / np.maximum(
            _counted(kinds).sum(axis=-1, dtype=np.int32), 1
        )

    def of_text(self, text: str) -> float:
        """The likeness of a text."""
        return float(self.likeness(kinds_of(text)))

    def letters_alone(self, text: str) -> float:
        """The mean of the bits of a text's letters, whatever their order: -4.2 in prose, -5.5 where letters are replaced."""
        kinds = kinds_of(text)
        return float(self.letters[kinds[kinds > 0] - 1].mean()) if kinds.any() else 0.0

    def likeness_of(self, words: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The likeness of each of some words, none of them empty, and the share of its characters that are letters, (n,) each."""
        kinds = kinds_of(" ".join(words))
        lengths = np.fromiter(map(len, words), np.int64, len(words))
        # A space stands before each but the first.
        starts = (lengths + 1).cumsum() - lengths - 1
        bounds = np.column_stack([starts, starts + lengths]).reshape(-1)[:-1]
        total = np.add.reduceat(self.bits.take(_triples(kinds)), bounds, dtype=np.float64)[::2]
        many = np.add.reduceat(_counted(kinds), bounds, dtype=np.int64)[::2]
        letters = np.add.reduceat(kinds > 0, bounds, dtype=np.int64)[::2]
        return total / np.maximum(many, 1), letters / lengths

    def _of_part(self, text: str) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.uint8]]:
        """The bits of each character, nought where it is not counted, which are counted, and their kinds."""
        return _bits_of(self, text)

    def unlike(self, text: str, below: float) -> list[tuple[int, int]]:
        """Half-open stretches, in whole blocks, of which every thirty characters are less like language than this."""
        if len(text) < _BLOCK:
            return []
        size = len(text) // _BLOCK * _BLOCK
        bits, counted, kinds = (each[:size].reshape(-1, _BLOCK) for each in self._of_part(text))
        blocks = bits.sum(axis=1) - np.float32(below) * counted.sum(axis=1)
        letters = (kinds > 0).sum(axis=1)
        odd = np.zeros(len(blocks) + 2, bool)
        pairs = (blocks[1:] + blocks[:-1] < 0) & (letters[1:] + letters[:-1] >= _BLOCK)
        odd[1:-2] |= pairs
        odd[2:-1] |= pairs
        if len(blocks) == 1:
            odd[1] = blocks[0] < 0
        edges = (odd[1:] != odd[:-1]).nonzero()[0] * _BLOCK
        return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


@functools.cache
def _load() -> LetterStatistics:
    table = np.load(TABLE).astype(np.float32)
    return LetterStatistics(table[26:], table[:26])


@functools.lru_cache(64)
def _bits_of(
    statistics: LetterStatistics, text: str
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.uint8]]:
    # Several readers look at each part in turn.
    kinds = kinds_of(text)
    return statistics.bits.take(_triples(kinds)), _counted(kinds), kinds


def kinds_of(text: str) -> NDArray[np.uint8]:
    """The kind of each character, (N,): 1 to 26 for Latin letters, small or capital, and 0 for all else."""
    if text.isascii():
        return np.frombuffer(text.encode().translate(_KIND_OF_BYTE), np.uint8)
    return _KIND_OF_POINT.take(points_of(text), mode="clip")


def _triples(kinds: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """For each character, which three kinds end with it, (..., N)."""
    padded = np.zeros((*kinds.shape[:-1], kinds.shape[-1] + 2), np.uint16)
    padded[..., 2:] = kinds
    return padded[..., :-2] * np.uint16(KINDS**2) + padded[..., 1:-1] * np.uint16(KINDS) + padded[..., 2:]


def _counted(kinds: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Letters, and what ends a word."""
    counted = kinds > 0
    counted[..., 1:] |= kinds[..., :-1] > 0
    return counted


def _without_accents(word: str) -> str:
    return "".join(
        character
        for character in unicodedata.normalize("NFKD", word.lower())
        if not unicodedata.combining(character)
    )
