"""Work that NumPy and ONNX Runtime do outside the interpreter's lock, on all cores that this process may use."""

import os
import random
from collections.abc import Callable, Sequence
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
) -> list[Returned]:
    """What `work` makes of each item, in their order.

    Who is interrupted waits only for the items under way.
    """
    # Long texts often stand together; in no order, the items that are done tell how long the others take.
    order = random.Random(0).sample(range(len(items)), len(items))
    outcomes: dict[int, Returned] = {}
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for place, outcome in zip(order, pool.map(work, [items[place] for place in order]), strict=True):
            outcomes[place] = outcome
            on_done(len(outcomes), len(items))
    return [outcomes[place] for place in range(len(items))]
