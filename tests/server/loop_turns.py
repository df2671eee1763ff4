"""How long the event loop is busy at a time, and so keeps everything else waiting."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

# Seldom enough to take no time from what is watched.
_LOOK_S = 0.005


class Turns:
    """The turns that everything else has had.

    Attributes
    ----------
    longest
        Seconds of the processor's time that the longest took.
    """

    def __init__(self) -> None:
        self.longest = 0.0


@asynccontextmanager
async def turns() -> AsyncIterator[Turns]:
    """Watch the event loop."""
    watched = Turns()

    async def watch() -> None:
        while True:
            began = time.thread_time()
            await asyncio.sleep(_LOOK_S)
            watched.longest = max(watched.longest, time.thread_time() - began)

    # What it would go through are all objects of all tests.
    gc.disable()
    task = asyncio.create_task(watch())
    try:
        yield watched
    finally:
        task.cancel()
        gc.enable()


def seconds(work: Callable[[], object]) -> float:
    """The processor's time that something takes at least."""
    took: list[float] = []
    for _ in range(3):
        began = time.thread_time()
        work()
        took.append(time.thread_time() - began)
    return min(took)
