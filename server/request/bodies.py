"""Bodies on their way in: bounded each, and in what all requests in flight hold together."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

from fastapi import Request

from lethe.server.endpoints.body import read_body
from lethe.server.errors import Unavailable
from lethe.server.request.relay import cancelled_on_disconnect
from lethe.server.settings.connections import LimitSettings

# Soon enough for a client that goes, and later than most of what is decided at once.
_LEFT_TO_END_S = 0.005
# From so many bytes on, a body of nothing but short messages takes more than some milliseconds to read.
_LARGE = 64 << 10

_Read = TypeVar("_Read")


async def aside(body: bytes, read: Callable[[], _Read]) -> _Read:
    """Do what takes the longer the larger a body is: beside the event loop, if that may be long."""
    return await asyncio.to_thread(read) if len(body) > _LARGE else read()


class Bodies:
    """Reads bodies.

    Parameters
    ----------
    max_bytes
        Of one body.
    limits
        Bounds its time, and what all bodies hold together.
    """

    def __init__(self, max_bytes: int, limits: LimitSettings) -> None:
        self._max_bytes = max_bytes
        self._timeout_s = limits.body_timeout_s
        self._left = limits.max_bodies_bytes

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytes]:
        """Read a request's body; what is done with it is cancelled if the client goes away.

        Raises
        ------
        Unavailable
            All bodies together would hold more than they may.
        ClientGone, ClientDisconnect
            The client went away.
        PayloadTooLarge, UnsupportedMediaType, RequestTimeout
            As of `lethe.server.endpoints.body.read_body`.
        """
        with self._held() as take:
            body = await read_body(request, self._max_bytes, self._timeout_s, take)
            async with cancelled_on_disconnect(request.receive, _LEFT_TO_END_S):
                yield body

    @contextmanager
    def kept(self, body: bytes) -> Iterator[None]:
        """Count a body that has been read as held for longer, as one whose request may be asked once more is."""
        self._left -= len(body)
        try:
            yield
        finally:
            self._left += len(body)

    @contextmanager
    def _held(self) -> Iterator[Callable[[int], None]]:
        """Gives a function that takes bytes out of the budget; all of them are given back when the block ends.

        The function raises `Unavailable` if the budget has too few bytes left.
        """
        taken = 0

        def take(size: int) -> None:
            nonlocal taken
            if size > self._left:
                raise Unavailable(
                    "The bodies of the requests in flight take up too much memory.",
                    code="overloaded",
                    retry_after_s=1,
                )
            self._left -= size
            taken += size

        try:
            yield take
        finally:
            self._left += taken
