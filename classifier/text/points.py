"""A text character by character: as an array of code points, what is counted on such arrays, and small letters."""

import functools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_LAST_SPACE = 0x3000
# Characters from which on a table of all points is filled faster than a set.
_SHORT = 20_000
# Characters whose kind is kept in a table; few of a text are of the others.
_PLANE = 0x10000
_DOTTED_I = "\u0130"


def points_of(text: str) -> NDArray[np.uint32]:
    """The code points of a text, (N,)."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def bytes_of(text: str) -> bytes:
    """A text as UTF-8, whatever stands in it."""
    return text.encode("utf-8", "surrogatepass")


def text_of(points: NDArray[np.uint32]) -> str:
    """The text of code points."""
    return points.tobytes().decode("utf-32-le", "surrogatepass")


def lowered(text: str) -> str:
    """The text in small letters, of which none takes another length."""
    low = text.lower()
    if len(low) == len(text):
        return low
    # Of one character alone in all of Unicode the small letter is two; what a capital sigma becomes goes by its word.
    return _DOTTED_I.join(piece.lower() for piece in text.replace("Σ", "σ").split(_DOTTED_I))


def translated(text: str, table: bytes) -> str:
    """The text with other characters for some of ASCII; on bytes, since `str.translate` is slow where not all is ASCII."""
    return bytes_of(text).translate(table).decode("utf-8", "surrogatepass")


def distinct_points(points: NDArray[np.uint32]) -> list[int]:
    """The code points that stand among some, ascending."""
    if len(points) < _SHORT:
        return sorted(set(points.tolist()))
    stands_there = np.zeros(int(points.max()) + 1, bool)
    stands_there[points] = True
    return stands_there.nonzero()[0].tolist()


def ranges(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The numbers from each start on, as many as its length, one range after another."""
    before = lengths.cumsum() - lengths
    return np.arange(lengths.sum()) + (starts - before).repeat(lengths)


def word_bounds(text: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the words of a text, as `str.split` parts them, start and end, each (W,)."""
    inside = np.zeros(len(text) + 2, bool)
    np.logical_not(_spaces().take(_points_or_bytes(text), mode="clip"), out=inside[1:-1])
    edges = (inside[1:] != inside[:-1]).nonzero()[0]
    return edges[::2], edges[1::2]


def long_runs(marks: bytes, shortest: int) -> Iterator[tuple[int, int]]:
    """Half-open runs of at least so many ones among noughts and ones."""
    run = b"\1" * shortest
    # Mostly there are few, to each of which takes one step.
    start = marks.find(run)
    while start >= 0:
        end = marks.find(b"\0", start + shortest)
        if end < 0:
            end = len(marks)
        yield start, end
        start = marks.find(run, end)


def letters_and_digits(text: str) -> NDArray[np.bool_]:
    """Which characters of a text are letters or digits, (N,)."""
    points = _points_or_bytes(text)
    found = _alphanumeric().take(points, mode="clip")
    (beyond,) = (points >= _PLANE).nonzero()
    found[beyond] = [chr(point).isalnum() for point in points[beyond].tolist()]
    return found


def _points_or_bytes(text: str) -> NDArray[np.uint32] | NDArray[np.uint8]:
    return np.frombuffer(text.encode(), np.uint8) if text.isascii() else points_of(text)


@functools.cache
def _spaces() -> NDArray[np.bool_]:
    # The last entry stands for all points from there on.
    return np.array([chr(point).isspace() for point in range(_LAST_SPACE + 2)])


@functools.cache
def _alphanumeric() -> NDArray[np.bool_]:
    return np.array([chr(point).isalnum() for point in range(_PLANE)])
