"""Where the characters of a stretch may have been moved: reversed, in blocks, rails or columns. Knows nothing about language.

An order tells of each character of the text that is read where it stands in the stretch.
"""

import itertools
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_MOST_RAILS = 9
_MOST_COLUMNS = 40
# Columns that are tried in any sequence, and the length above which no more than the first of these are.
_COLUMNS_IN_ANY_SEQUENCE = (3, 4, 5, 6, 7)
_LONG, _FEW_COLUMNS = 160, 6
_TOO_LONG = 640


@lru_cache(64)
def orders(length: int) -> NDArray[np.int32]:
    """The orders that need no key, (orders, length)."""
    return np.array(list(_without_key(length)), np.int32)


def _without_key(length: int) -> Iterator[list[int]]:
    forwards = list(range(length))
    yield forwards[::-1]
    # Blocks of so many backwards, pairs swapped among them, and the halves swapped.
    for count in range(2, _MOST_RAILS):
        yield [place for start in range(0, length, count) for place in forwards[start : start + count][::-1]]
    for half in {length // 2, (length + 1) // 2}:
        yield [*forwards[half:], *forwards[:half]]
    for count in range(2, _MOST_RAILS):
        cycle = [*range(count), *range(count - 2, 0, -1)]
        rails = _back(sorted(forwards, key=lambda place: cycle[place % len(cycle)]))
        yield from (rails, [length - 1 - place for place in rails])
    for count in range(2, max(3, min(length // 2, _MOST_COLUMNS))):
        by_columns = sorted(forwards, key=lambda place: place % count)
        back = _back(by_columns)
        yield from (by_columns, back, [length - 1 - place for place in back])


def _back(order: list[int]) -> list[int]:
    places = [0] * len(order)
    for new, old in enumerate(order):
        places[old] = new
    return places


@lru_cache(8)
def keyed_orders(length: int) -> NDArray[np.int32]:
    """The orders of a few columns in any sequence, (orders, length): read down one after another, or across in every row."""
    counts = [
        count for count in _COLUMNS_IN_ANY_SEQUENCE if length <= _LONG or count <= _FEW_COLUMNS
    ] if length <= _TOO_LONG else []  # fmt: skip
    found = [order for count in counts if 2 * count < length for order in _in_any_sequence(length, count)]
    return np.concatenate(found) if found else np.empty((0, length), np.int32)


def _in_any_sequence(length: int, columns: int) -> Iterator[NDArray[np.int32]]:
    # (sequences, columns), which of the columns stands where.
    sequences = np.array(list(itertools.permutations(range(columns))))
    row, column = np.divmod(np.arange(length), columns)
    # Of an incomplete last row the first columns have one character more.
    lengths = length // columns + (sequences < length % columns)
    starts = np.take_along_axis(lengths.cumsum(axis=1) - lengths, sequences.argsort(axis=1), axis=1)
    yield (starts[:, column] + row).astype(np.int32)
    across = row * columns + sequences[:, column]
    # What fills no row stays where it is.
    left = length - length % columns
    across[:, left:] = np.arange(left, length)
    yield across.astype(np.int32)
