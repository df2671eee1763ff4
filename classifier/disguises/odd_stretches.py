"""Stretches that look like no ordinary text, by a small network that learned what disguises made at random have in common.

A text is cut into blocks of sixteen characters. Of each the vectors of its signs are added, alone and with those before them,
as letters and as shapes; what share of it stands in known words, and how unlikely its signs are. Windows of some blocks are
judged by the mean and the spread of what their blocks show. Knows no disguise by name; linear in time, in numpy alone.
"""

import functools
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.text.points import points_of
from lethe.classifier.text.ranges import joined_ranges
from lethe.classifier.text.sign_statistics import WeighedSigns, kinds_of_points

# What `load` reads; lethe.offline.text_models.odd_stretch_model writes it.
WEIGHTS = Path(__file__).with_name("odd_stretches.npz")
BLOCK = 16
"""Characters of a block."""
# How many vectors there are for signs alone, after one to three others, for shapes after four others, and for a sign with the
# last but one and whether it repeats what stood up to four places before.
_SIGNS, _BITS = 160, (12, 13, 13, 12, 12)
VECTORS = _SIGNS + sum(1 << bits for bits in _BITS)
DENSE = 7
"""What is told of a block besides: shares of known and of unknown words, the mean and the highest surprise of its signs, and what
share of its signs end a row of three, of five, of eight that stood shortly before."""
# Letters in disguise repeat as letters do: how many signs a row has, and how far before the same one may stand.
_ROWS = ((3, 64), (5, 256), (8, 512))
# Blocks of a window, and how far the next one begins behind it. A shorter text is one window.
_WINDOWS = ((12, 6), (24, 12), (64, 32))
SIZES = len(_WINDOWS)
_FEWEST_BLOCKS = 3
_SPREAD_FLOOR = 1e-4
LENGTHS = (256, 1024, 4096)
"""Characters of texts for which limits are learned; they change evenly with each doubling between."""
# Each doubling beyond is a chance more that one of its windows is odd, and asks for so much more in log-odds.
_EACH_DOUBLING = 1.0
_MULTIPLIER = np.uint32(0x9E3779B1)
_VECTORS_AT_ONCE = 1 << 16


@dataclass(frozen=True, eq=False)
class OddStretches:
    """A network that says how unlike ordinary text a window is.

    Attributes
    ----------
    vectors
        (`VECTORS`, D) int8, of signs, in units of `unit`.
    unit
        What one of these stands for.
    of_blocks, of_windows, of_all
        Weights with the bias as the last row: (D + `DENSE` + 1, H), (2 H + 1, K) and (K + 1,).
    least
        (`LENGTHS`, `SIZES`) log-odds from which on a window is odd, by the length of its text and the size of windows.
    """

    vectors: NDArray[np.int8]
    unit: float
    of_blocks: NDArray[np.float32]
    of_windows: NDArray[np.float32]
    of_all: NDArray[np.float32]
    least: NDArray[np.float32]

    @classmethod
    def load(cls) -> "OddStretches":
        """The one of the package."""
        return _load()

    def save(self, path: Path = WEIGHTS) -> None:
        """Write it where `load` reads it."""
        np.savez_compressed(
            path,
            vectors=self.vectors,
            of_blocks=self.of_blocks,
            of_windows=self.of_windows,
            of_all=self.of_all,
            unit=np.float32(self.unit),
            least=self.least,
        )

    def found_in(self, signs: WeighedSigns, words: "WordShares", characters: int) -> list[tuple[int, int]]:
        """Half-open stretches of a text that are odd, ascending.

        Parameters
        ----------
        characters
            How long the whole text is that this one is of.
        """
        starts, ends, sizes, odds = self.windows(signs, words)
        (chosen,) = (odds >= self.least_in(characters)[sizes]).nonzero()
        end = len(signs.text)
        stretches = (
            (BLOCK * start, end if end - BLOCK * last < BLOCK else BLOCK * last)
            for start, last in zip(starts[chosen].tolist(), ends[chosen].tolist(), strict=True)
        )
        return joined_ranges(stretches)

    def least_in(self, characters: int) -> NDArray[np.float32]:
        """(`SIZES`,) log-odds from which on a window is odd, of a text that is so long."""
        doublings = [math.log2(length) for length in LENGTHS]
        length = math.log2(max(characters, 1))
        beyond = _EACH_DOUBLING * max(length - doublings[-1], 0)
        return np.array(
            [np.interp(length, doublings, limits) + beyond for limits in self.least.T], np.float32
        )

    def windows(
        self, signs: WeighedSigns, words: "WordShares"
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """Where windows start and end, in blocks, of which size each is, and the log-odds that it is odd, (N,) each.

        None of a short text.
        """
        blocks = len(signs.text) // BLOCK
        if blocks < _FEWEST_BLOCKS:
            nothing = np.zeros(0, np.int64)
            return nothing, nothing, nothing, np.zeros(0, np.float32)
        starts, ends, sizes = _windows(blocks)
        shown = np.maximum(_with_one(self._of_blocks(signs, words)) @ self.of_blocks, 0)
        # Sums up to each block; in double precision, since they are subtracted.
        sums = np.zeros((blocks + 1, 2 * shown.shape[1]))
        np.cumsum(np.concatenate([shown, shown * shown], axis=1), axis=0, dtype=np.float64, out=sums[1:])
        means = (sums[ends] - sums[starts]) / (ends - starts)[:, None]
        mean, square = np.split(means, 2, axis=1)
        spread = np.sqrt(np.maximum(square - mean * mean, 0) + _SPREAD_FLOOR)
        seen = np.concatenate([mean, spread], axis=1).astype(np.float32)
        hidden = np.maximum(_with_one(seen) @ self.of_windows, 0)
        return starts, ends, sizes, _with_one(hidden) @ self.of_all

    @functools.cached_property
    def _wide(self) -> NDArray[np.int16]:
        """The vectors in a type that their sums fit in."""
        return self.vectors.astype(np.int16)

    def _of_blocks(self, signs: WeighedSigns, words: "WordShares") -> NDArray[np.float32]:
        """(blocks, D + DENSE)."""
        blocks = len(signs.text) // BLOCK
        rows = vector_rows(signs.text)
        wide = self._wide
        sums = np.empty((blocks, self.vectors.shape[1]), np.float32)
        step = _VECTORS_AT_ONCE // BLOCK
        for first in range(0, blocks, step):
            inside = slice(BLOCK * first, BLOCK * min(first + step, blocks))
            added = wide.take(rows[0][inside], axis=0)
            for row in rows[1:]:
                added += wide.take(row[inside], axis=0)
            # Halves are added whole, much faster than along an axis.
            added = added.reshape(-1, BLOCK, wide.shape[1])
            for half in (8, 4, 2, 1):
                added = added[:, :half] + added[:, half:]
            sums[first : first + step] = added[:, 0]
        return np.concatenate([sums * np.float32(self.unit), dense_features(signs, words)], axis=1)


@dataclass(frozen=True, eq=False)
class WordShares:
    """Which unbroken runs of letters and digits of a text are known words, and which are no words.

    Attributes
    ----------
    starts, ends
        (words,) int64, half-open.
    unknown
        (words,); of very short ones nothing is known.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    unknown: NDArray[np.bool_]


def vector_rows(text: str) -> list[NDArray[np.int64]]:
    """For each kind of vector the row of each character's, (N,) each."""
    kinds = _kinds_of(text)
    padded = np.full(len(kinds) + 4, ord("\n"), np.uint8)
    padded[4:] = kinds
    wide = padded.astype(np.uint32)
    here, one, two, three = wide[4:], wide[3:-1], wide[2:-2], wide[1:-3]
    shapes = _shapes().take(padded).astype(np.uint32)
    repeats = (here == one) + (here == two) * np.uint32(2) + (here == three) * np.uint32(4)
    repeats = repeats.astype(np.uint32) + (padded[4:] == padded[:-4]) * np.uint32(8)
    pair = here * _SIGNS + one
    triple = pair * _SIGNS + two
    shape = shapes[4:]
    for before in (shapes[3:-1], shapes[2:-2], shapes[1:-3], shapes[:-4]):
        shape = shape * np.uint32(11) + before
    contexts = (pair, triple, triple * _SIGNS + three, shape, (here * _SIGNS + two) * np.uint32(16) + repeats)
    rows = [here.astype(np.int64)]
    first = _SIGNS
    for context, bits in zip(contexts, _BITS, strict=True):
        rows.append(
            (context.astype(np.uint32) * _MULTIPLIER >> np.uint32(32 - bits)).astype(np.int64) + first
        )
        first += 1 << bits
    return rows


def dense_features(signs: WeighedSigns, words: WordShares) -> NDArray[np.float32]:
    """What is told of each block besides its vectors, (blocks, `DENSE`)."""
    blocks = len(signs.text) // BLOCK
    surprise = signs.surprise[: BLOCK * blocks].astype(np.float32).reshape(blocks, BLOCK) / 8
    long = words.ends - words.starts >= 3
    features = np.empty((blocks, DENSE), np.float32)
    features[:, 0] = _share(words, long & ~words.unknown, blocks)
    features[:, 1] = _share(words, words.unknown, blocks)
    features[:, 2] = surprise.mean(axis=1) / 6
    features[:, 3] = surprise.max(axis=1) / 12
    kinds = _kinds_of(signs.text)
    for column, (length, reach) in enumerate(_ROWS, 4):
        again = _repeats(kinds, length, reach)[: BLOCK * blocks]
        features[:, column] = again.reshape(blocks, BLOCK).mean(axis=1)
    return features


def _repeats(kinds: NDArray[np.uint8], length: int, reach: int) -> NDArray[np.bool_]:
    """Whether each sign ends a row of so many that ended at most so far before as well, (N,)."""
    keys = kinds.astype(np.uint32)
    for before in range(1, length):
        keys[before:] = keys[before:] * np.uint32(257) + kinds[:-before]
    # Of sixteen bits, which numpy sorts in linear time.
    hashed = (keys * _MULTIPLIER >> np.uint32(16)).astype(np.uint16)
    order = hashed.argsort(kind="stable")
    near = (hashed[order[1:]] == hashed[order[:-1]]) & (order[1:] - order[:-1] <= reach)
    again = np.zeros(len(kinds), np.bool_)
    again[order[1:]] = near
    return again


def _share(words: WordShares, chosen: NDArray[np.bool_], blocks: int) -> NDArray[np.float64]:
    """The share of each block that stands in some words, (blocks,)."""
    length = BLOCK * blocks + 1
    begun = np.bincount(np.minimum(words.starts[chosen], length - 1), minlength=length)
    ended = np.bincount(np.minimum(words.ends[chosen], length - 1), minlength=length)
    return (begun - ended).cumsum()[:-1].reshape(blocks, BLOCK).mean(axis=1)


def _windows(blocks: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    starts: list[NDArray[np.int64]] = []
    ends: list[NDArray[np.int64]] = []
    for size, step in _WINDOWS:
        if starts and blocks <= size:
            starts.append(np.zeros(1, np.int64))
            ends.append(np.full(1, blocks))
            break
        begins = np.arange(0, max(blocks - size, 0) + step, step)
        starts.append(begins)
        ends.append(np.minimum(begins + size, blocks))
    first, last = np.concatenate(starts), np.concatenate(ends)
    sizes = np.repeat(np.arange(len(starts)), list(map(len, starts)))
    whole = last - first >= _FEWEST_BLOCKS
    return first[whole], last[whole], sizes[whole]


def _with_one(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([rows, np.ones((len(rows), 1), np.float32)], axis=1)


def _kinds_of(text: str) -> NDArray[np.uint8]:
    """Each character's own number in ASCII, and what kind of sign it is beyond, (N,)."""
    if text.isascii():
        return np.frombuffer(text.encode().translate(_IN_ASCII), np.uint8)
    points = points_of(text)
    low = np.minimum(points, 127).astype(np.uint8)
    beyond = np.minimum(kinds_of_points(points) + np.uint8(32), np.uint8(_SIGNS - 1))
    return np.where(points < 128, np.frombuffer(_IN_ASCII, np.uint8).take(low), beyond)


@functools.cache
def _shapes() -> NDArray[np.uint8]:
    """The shape of each kind of sign: small letter, capital, digit, space, and so on; eleven in all."""
    shapes = np.full(256, 10, np.uint8)
    for point in range(128):
        sign = chr(point)
        tests = (
            sign.islower(), sign.isupper(), sign.isdigit(), sign == " ", sign == "\n", sign in ".,;:!?'\"", sign in "()[]{}<>",
        )  # fmt: skip
        shapes[point] = 1 + tests.index(True) if True in tests else 8
    shapes[128:140] = 9
    return shapes


_IN_ASCII = bytes({9: 32, 13: 10}.get(point, point) for point in range(256))


@functools.cache
def _load() -> OddStretches:
    with np.load(WEIGHTS) as weights:
        return OddStretches(
            weights["vectors"],
            float(weights["unit"]),
            weights["of_blocks"],
            weights["of_windows"],
            weights["of_all"],
            weights["least"],
        )
