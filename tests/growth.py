"""How much longer something takes where there is more of it."""

import gc
import time
from collections.abc import Callable
from typing import TypeVar

_Made = TypeVar("_Made")
_TIMES = 8
LINEAR = 14
"""Above what work that grows with its input grows by, and far below what work that grows with its square does."""


def growth(make: Callable[[int], _Made], work: Callable[[_Made], object], number: int) -> float:
    """By how much the processor's time for work grows where there are eight times as many.

    Parameters
    ----------
    make
        Gives what is worked on, so many of it.
    """
    return _seconds(work, make(_TIMES * number)) / _seconds(work, make(number))


def _seconds(work: Callable[[_Made], object], made: _Made) -> float:
    gc.disable()
    try:
        return min(_once(work, made) for _ in range(3))
    finally:
        gc.enable()


def _once(work: Callable[[_Made], object], made: _Made) -> float:
    began = time.process_time()
    work(made)
    return time.process_time() - began
