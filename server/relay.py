"""The engine's answer on its way to the client: byte for byte, as it comes, and no longer than somebody listens."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import Enum, auto

import aiohttp
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from server.errors import EngineFailed

_BROKEN_OFF = (
    b'data: {"error":{"message":"The engine broke off in the middle of its answer.",'
    b'"type":"server_error","param":null,"code":null}}\n\n'
)
_PASSED_HEADERS = ("content-type", "cache-control", "retry-after")


class ClientGone(Exception):
    """The client closed the connection; whatever was under way for it has been cancelled."""


@asynccontextmanager
async def cancelled_on_disconnect(receive: Receive) -> AsyncIterator[None]:
    """Cancel what runs inside when the client disconnects, as `asyncio.timeout` does at its deadline.

    Raises
    ------
    ClientGone
        The client disconnected.
    """
    task = asyncio.current_task()
    assert task is not None
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        task.cancel()

    watcher = asyncio.get_running_loop().create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        if gone and task.uncancel() == 0:
            raise ClientGone from None
        raise
    finally:
        watcher.cancel()


async def buffered(upstream: aiohttp.ClientResponse) -> Response:
    """The whole answer as one response.

    Raises
    ------
    EngineFailed
        The engine broke off.
    """
    try:
        content = await upstream.read()
    except (aiohttp.ClientError, TimeoutError):
        upstream.close()
        raise EngineFailed("The engine broke off in the middle of its answer.") from None
    return Response(content, upstream.status, headers=_passed_headers(upstream))


class StreamEnd(Enum):
    """How a stream ended."""

    COMPLETE = auto()
    CLIENT_GONE = auto()
    ENGINE_FAILED = auto()


class StreamedResponse(Response):
    """An event stream that is passed on piece by piece, without buffering.

    Parameters
    ----------
    upstream
        The engine's answer, its head already read.
    on_end
        Called once, with how the stream ended.
    """

    def __init__(self, upstream: aiohttp.ClientResponse, on_end: Callable[[StreamEnd], None]) -> None:
        super().__init__(status_code=upstream.status, headers=_passed_headers(upstream))
        del self.headers["content-length"]
        self._upstream = upstream
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        end = StreamEnd.CLIENT_GONE
        try:
            async with cancelled_on_disconnect(receive):
                await send(
                    {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
                )
                try:
                    async for piece in self._upstream.content.iter_any():
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
                    last, end = b"", StreamEnd.COMPLETE
                except (aiohttp.ClientError, TimeoutError):
                    # The status line is long gone, so the error has to travel as an event, as vLLM's own do.
                    last, end = _BROKEN_OFF, StreamEnd.ENGINE_FAILED
                await send({"type": "http.response.body", "body": last, "more_body": False})
        except ClientGone:
            end = StreamEnd.CLIENT_GONE
        finally:
            # Closing the connection is what makes the engine stop generating.
            self._upstream.close()
            self._on_end(end)


def _passed_headers(upstream: aiohttp.ClientResponse) -> dict[str, str]:
    return {name: upstream.headers[name] for name in _PASSED_HEADERS if name in upstream.headers}
