"""Work that NumPy and ONNX Runtime do outside the interpreter's lock, on all cores that this process may use."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Returned = TypeVar("Returned")

# Told how much is done, of how much.
OnDone = Callable[[int, int], None]


def tell_nobody(_done: int, _total: int) -> None:
    """What is told where nobody waits."""


def on_all_cores(
    work: Callable[[Item], Returned], items: Sequence[Item], on_done: OnDone = tell_nobody
) -> Iterator[Returned]:
    """What `work` makes of each item, in their order.

    Who is interrupted waits only for the items under way.
    """
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for done, outcome in enumerate(pool.map(work, items), start=1):
            yield outcome
            on_done(done, len(items))
