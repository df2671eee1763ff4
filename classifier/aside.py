"""What takes the longer the more messages there are, so that it keeps nobody else waiting."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

# From so many on, it may take more than some milliseconds.
_MANY = 128

_Done = TypeVar("_Done")


async def aside(number: int, work: Callable[[], _Done]) -> _Done:
    """Do what takes as long as there are many messages or passages: beside the event loop, if that is long."""
    return await asyncio.to_thread(work) if number > _MANY else work()
