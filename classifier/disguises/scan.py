"""A text as one byte a character, by which a reader of a disguise says quickly whether the text may have any of it.

Made once for all readers. Each states what it needs in these terms, in its own module: a run of some characters, so many of
them, words apart. Knows no disguise.
"""

import string
from collections.abc import Callable
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.text.points import points_of

# Bytes that stand for characters beyond ASCII: one for each of these, and one for all of a kind.
MARKS = "·•∙–—−→"
"""Those beyond ASCII that have a byte of their own."""
_LETTER, _SPACE, _OTHER, _FAR = range(0x80, 0x84)
_FIRST_MARK = 0x90
SPACES = string.whitespace + "\x1c\x1d\x1e\x1f"
"""What parts words, of ASCII."""
# Characters whose kind is told; those behind them may be anything.
_PLANE = 0x10000


def kind(
    characters: str, *, letters: bool = False, spaces: bool = False, others: bool = False, far: bool = False
) -> bytes:
    """A table of the bytes that stand for some characters, for `bytes.translate`: one for these, nought for all others.

    Parameters
    ----------
    characters
        Of ASCII, or marks that have a byte of their own.
    letters, spaces, others
        Whether all letters and digits, spaces, or other signs beyond ASCII are among them too.
    far
        Whether characters beyond the first plane are, which may be anything.
    """
    chosen = {_FIRST_MARK + MARKS.index(each) if each in MARKS else ord(each) for each in characters}
    beyond = ((_LETTER, letters), (_SPACE, spaces), (_OTHER, others), (_FAR, far))
    chosen |= {byte for byte, wanted in beyond if wanted}
    return bytes(byte in chosen for byte in range(256))


class Scan:
    """A text, and what was counted on it so far.

    Attributes
    ----------
    signs
        A byte for each character: itself where it is of ASCII.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def signs(self) -> bytes:
        if self.text.isascii():
            return self.text.encode()
        return _bytes_beyond_ascii().take(points_of(self.text), mode="clip").tobytes()

    @cached_property
    def array(self) -> NDArray[np.uint8]:
        """`signs` as an array, (N,)."""
        return np.frombuffer(self.signs, np.uint8)

    @cached_property
    def _counts(self) -> list[int]:
        return np.bincount(self.array, minlength=256).tolist()

    def count(self, characters: bytes) -> int:
        """How many of some characters, all of ASCII, the text has."""
        return sum(map(self._counts.__getitem__, characters))

    def has_run(self, of: bytes, shortest: int, *, without: bytes = b"") -> bool:
        """Whether at least so many characters of a kind stand in a row, where other ones that may stand between are left out.

        Parameters
        ----------
        of
            As `kind` gives it.
        without
            Bytes of `signs`; see `bytes_of_kind`.
        """
        return b"\1" * shortest in self.signs.translate(of, without)


def bytes_of_kind(of: bytes) -> bytes:
    """The bytes that a table of `kind` has."""
    return bytes(byte for byte in range(256) if of[byte])


def any_of(*conditions: Callable[[Scan], bool]) -> Callable[[Scan], bool]:
    """Whether one of some conditions holds."""
    return lambda scan: any(condition(scan) for condition in conditions)


@lru_cache(1)
def _bytes_beyond_ascii() -> NDArray[np.uint8]:
    """By character, its byte; the last one stands for all from there on."""
    table = np.full(_PLANE + 1, _OTHER, np.uint8)
    table[:128] = np.arange(128)
    characters = list(map(chr, range(128, _PLANE)))
    table[128:_PLANE][list(map(str.isalnum, characters))] = _LETTER
    table[128:_PLANE][list(map(str.isspace, characters))] = _SPACE
    table[list(map(ord, MARKS))] = np.arange(_FIRST_MARK, _FIRST_MARK + len(MARKS))
    table[_PLANE] = _FAR
    return table
