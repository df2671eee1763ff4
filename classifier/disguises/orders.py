"""Where the characters of a stretch may have been moved: reversed, in blocks, rails or columns. Knows nothing about language.

An order tells of each character of the text that is read where it stands in the stretch.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_MOST_RAILS = 9
_MOST_COLUMNS = 40
# Columns that are tried in any sequence, by the length up to which they are.
_COLUMNS_IN_ANY_SEQUENCE = {3: 640, 4: 640, 5: 480, 6: 240, 7: 96}


@lru_cache(256)
def orders(length: int) -> NDArray[np.int32]:
    """The orders that need no key, (orders, length)."""
    return np.vstack(list(_without_key(length))).astype(np.int32)


def _without_key(length: int) -> Iterator[NDArray[np.int64]]:
    """One order after another, or several, (length,) or (orders, length)."""
    forwards = np.arange(length)
    yield forwards[::-1]
    # Blocks of so many backwards, pairs swapped among them, and the halves swapped.
    counts = np.arange(2, _MOST_RAILS)[:, None]
    blocks = forwards // counts * counts
    yield blocks + np.minimum(blocks + counts, length) - 1 - forwards
    for half in {length // 2, (length + 1) // 2}:
        yield np.roll(forwards, -half)
    # Down to the last of so many rails and up again.
    cycles = 2 * counts - 2
    steps = forwards % cycles
    rails = _back(np.minimum(steps, cycles - steps).argsort(axis=1, kind="stable"))
    yield _either_way(rails)
    yield _columns(length)


def _columns(length: int) -> NDArray[np.int64]:
    """Columns read down, written down, and written down backwards, by their number, (3 · numbers, length)."""
    counts = np.arange(2, max(3, min(length // 2, _MOST_COLUMNS)))[:, None]
    rows, columns = np.divmod(np.arange(length), counts)
    # Of an incomplete last row the first columns have one character more.
    back = columns * (length // counts) + np.minimum(columns, length % counts) + rows
    return np.stack([_back(back), back, length - 1 - back], axis=1).reshape(-1, length)


def _either_way(orders: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each of some orders, and the same read from the stretch's end, (2 · orders, length)."""
    length = orders.shape[1]
    return np.stack([orders, length - 1 - orders], axis=1).reshape(-1, length)


def _back(orders: NDArray[np.int64]) -> NDArray[np.int64]:
    """The orders that undo some, (orders, length)."""
    places = np.empty_like(orders)
    np.put_along_axis(places, orders, np.arange(orders.shape[1])[None], axis=1)
    return places


def keyed_orders(
    length: int, places: NDArray[np.int64] | None = None, numbers: NDArray[np.int64] | None = None
) -> NDArray[np.int16]:
    """The orders of a few columns in any sequence, read down one after another, or across in every row.

    Parameters
    ----------
    places
        (N,), which characters of the text that is read are asked about; by default all.
    numbers
        (orders,), which orders, as all of them are counted from nought; by default all.

    Returns
    -------
    (orders, N), where these stand in the stretch.
    """
    places = np.arange(length) if places is None else places
    if numbers is None:
        found = [order(length, slice(None), count, places) for order, count, _ in _kinds(length)]
        return np.concatenate([np.empty((0, len(places)), np.int16), *found])
    chosen = np.empty((len(numbers), len(places)), np.int16)
    for order, count, first in _kinds(length):
        (rows,) = ((numbers >= first) & (numbers < first + math.factorial(count))).nonzero()
        if len(rows):
            chosen[rows] = order(length, numbers[rows] - first, count, places)
    return chosen


_Order = Callable[[int, slice | NDArray[np.int64], int, NDArray[np.int64]], NDArray[np.int16]]


def _kinds(length: int) -> Iterator[tuple[_Order, int, int]]:
    """How the columns of a text so long are read, how many there are, and the number of the first order of these."""
    first = 0
    for count in _counts(length):
        for order in (_down, _across):
            yield order, count, first
            first += math.factorial(count)


def _counts(length: int) -> list[int]:
    """How many columns a text so long is tried with."""
    return [
        count
        for count, longest in _COLUMNS_IN_ANY_SEQUENCE.items()
        if length <= longest and 2 * count < length
    ]


@lru_cache
def _sequences(columns: int) -> NDArray[np.int16]:
    """Which of the columns stands where, (sequences, columns)."""
    return np.array(list(itertools.permutations(range(columns))), np.int16)


@lru_cache
def _before(columns: int, longer: int) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """For each column of each sequence how many columns stand before it, and how many of the first, longer ones."""
    sequences = _sequences(columns)
    rows = np.arange(len(sequences))[:, None]
    before, longer_before = np.empty_like(sequences), np.empty_like(sequences)
    before[rows, sequences] = np.arange(columns)
    is_longer = sequences < longer
    longer_before[rows, sequences] = is_longer.cumsum(axis=1) - is_longer
    return before, longer_before


def _down(
    length: int, sequences: slice | NDArray[np.int64], columns: int, places: NDArray[np.int64]
) -> NDArray[np.int16]:
    row, column = np.divmod(places, columns)
    # Of an incomplete last row the first columns have one character more.
    before, longer_before = (each[sequences] for each in _before(columns, length % columns))
    starts: NDArray[np.int16] = before * np.int16(length // columns) + longer_before
    return np.add(starts.take(column, axis=1), row, dtype=np.int16, casting="same_kind")


def _across(
    length: int, sequences: slice | NDArray[np.int64], columns: int, places: NDArray[np.int64]
) -> NDArray[np.int16]:
    row, column = np.divmod(places, columns)
    found = _sequences(columns)[sequences].take(column, axis=1)
    found += (row * columns).astype(np.int16)
    # What fills no row stays where it is.
    left = places >= length - length % columns
    found[:, left] = places[left]
    return found
