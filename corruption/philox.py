"""Philox4x32-10, the counter-based generator of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"
(SC 2011): four 32-bit words that depend on a key and a counter and on nothing before.

Written in operators alone, so that it runs on int64 arrays of NumPy and on int64 tensors of any device, with
the same bits.
"""

from typing import Any, TypeVar

_Array = TypeVar("_Array", bound=Any)

_ROUNDS = 10
_WORD = 0xFFFFFFFF
# As signed 64-bit numbers, so that products wrap as they do in C.
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)


def philox(key: int, counter: tuple[_Array, _Array, _Array, _Array]) -> tuple[_Array, _Array, _Array, _Array]:
    """Give the four words, each in [0, 2**32), for a key and a counter.

    Parameters
    ----------
    key
        In [0, 2**64).
    counter
        Four int64 arrays of values in [0, 2**32), lowest word first; shapes are broadcast.
    """
    low, high = key & _WORD, key >> 32
    c0, c1, c2, c3 = counter
    for _ in range(_ROUNDS):
        # The upper bits of an int64 product are sign-extended by the shift; the mask takes them off.
        product0, product1 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (
            ((product1 >> 32) & _WORD) ^ c1 ^ low,
            product1 & _WORD,
            ((product0 >> 32) & _WORD) ^ c3 ^ high,
            product0 & _WORD,
        )
        low, high = (low + _WEYL[0]) & _WORD, (high + _WEYL[1]) & _WORD
    return c0, c1, c2, c3
