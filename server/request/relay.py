"""The engine's answer on its way to the client: byte for byte, as it comes, and no longer than somebody listens."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from enum import Enum, auto
from typing import Any, Protocol

from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from lethe.server.engines.answer import EngineAnswer
from lethe.server.engines.http_connection import BrokenOff
from lethe.server.error_forms import ErrorForm
from lethe.server.errors import (
    APIError,
    EngineFailed,
    EngineNotReached,
    EngineTimeout,
    ServerFailed,
    ServerStopping,
)

_BROKEN_OFF = "The engine broke off in the middle of its answer."
# The most pieces in which an engine's last events, its usage among them, arrive.
_LAST_PIECES = 4
_ENGINE_ERRORS = (EngineFailed, EngineTimeout, EngineNotReached)
# The last tells where in the bytes of several embeddings each one is, and what was used.
_PASSED_HEADERS = ("content-type", "cache-control", "metadata")
# Of embeddings, if a client wants bytes.
_BINARY = "application/octet-stream"


class ClientGone(Exception):
    """The client closed the connection; whatever was in flight for it has been cancelled."""


@asynccontextmanager
async def cancelled_on_disconnect(receive: Receive, after_s: float = 0) -> AsyncIterator[None]:
    """Cancel what runs inside when the client disconnects, as `asyncio.timeout` does at its deadline.

    Parameters
    ----------
    after_s
        What takes no longer than that is left to end: to listen takes a task of its own.

    Raises
    ------
    ClientGone
        The client disconnected.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    watcher: asyncio.Task[None] | None = None
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        task.cancel()

    def begin() -> None:
        nonlocal watcher
        watcher = loop.create_task(watch())

    beginning = loop.call_later(after_s, begin) if after_s else loop.call_soon(begin)
    try:
        yield
    except asyncio.CancelledError:
        if gone and task.uncancel() == 0:
            raise ClientGone from None
        raise
    finally:
        beginning.cancel()
        if watcher is not None:
            watcher.cancel()


async def buffered(upstream: EngineAnswer) -> Response:
    """The whole answer as one response.

    Raises
    ------
    EngineFailed
        The engine broke off, or what it answered is no JSON object.
    """
    try:
        content = await upstream.read()
    except (BrokenOff, TimeoutError):
        raise EngineFailed(_BROKEN_OFF) from None
    finally:
        upstream.close()
    if not _may_be_answer(content, upstream.headers.get("content-type", "")):
        raise EngineFailed("The engine answered what is not JSON.")
    return Response(content, upstream.status, headers=_passed_headers(upstream))


def _may_be_answer(content: bytes, media_type: str) -> bool:
    # Reading it whole would cost large answers milliseconds.
    text = content.strip()
    return (text[:1] == b"{" and text[-1:] == b"}") or media_type.startswith(_BINARY)


class _Patience:
    """A bound on each of many waits, by one timer that looks now and then rather than one for each wait."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timeout = asyncio.timeout(None)
        self._loop = asyncio.get_running_loop()
        self._waiting_since: float | None = None

    async def __aenter__(self) -> "_Patience":
        await self._timeout.__aenter__()
        self._timer = self._loop.call_later(self._seconds, self._look)
        return self

    async def __aexit__(self, *error: Any) -> bool | None:
        self._timer.cancel()
        return await self._timeout.__aexit__(*error)

    def _look(self) -> None:
        now = self._loop.time()
        left = self._seconds - (now - (self._waiting_since or now))
        if left <= 0:
            self._timeout.reschedule(now)
        else:
            self._timer = self._loop.call_later(left, self._look)

    def __enter__(self) -> None:
        self._waiting_since = self._loop.time()

    def __exit__(self, *_: object) -> None:
        self._waiting_since = None


class StreamEnd(Enum):
    """How a stream ended."""

    COMPLETE = auto()
    CLIENT_GONE = auto()
    ENGINE_FAILED = auto()
    NOT_JUDGED = auto()
    PROXY_FAILED = auto()
    PROXY_STOPPED = auto()


class Stream(Protocol):
    """An answer that comes piece by piece, its head already read."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    def pieces(self) -> AsyncIterator[bytes]:
        """Its body; raises ``BrokenOff``, ``TimeoutError`` or `APIError` where it breaks off."""
        ...

    def close(self) -> None:
        """Let go of it, also before its end."""
        ...


class StreamedResponse(Response):
    """An event stream that is passed on piece by piece, without buffering.

    Parameters
    ----------
    upstream
        The engine's answer, its head already read.
    stall_timeout_s
        A client that takes nothing for so long, while pieces wait for it, is taken to be gone.
    errors
        The form of the event that an error travels as, once the status line is gone.
    on_end
        Called once, with how the stream ended and the last of what the engine sent.
    """

    def __init__(
        self,
        upstream: Stream,
        stall_timeout_s: float,
        errors: ErrorForm,
        on_end: Callable[[StreamEnd, bytes], None],
    ) -> None:
        super().__init__(status_code=upstream.status, headers=_passed_headers(upstream))
        del self.headers["content-length"]
        self._upstream = upstream
        self._stall_timeout_s = stall_timeout_s
        self._errors = errors
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        end, last = StreamEnd.CLIENT_GONE, deque[bytes](maxlen=_LAST_PIECES)
        fault: Exception | None = None
        try:
            async with cancelled_on_disconnect(receive), _Patience(self._stall_timeout_s) as patience:
                await send(
                    {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
                )
                pieces = self._upstream.pieces()
                while True:
                    try:
                        piece = await anext(pieces, b"")
                        more, finished = bool(piece), StreamEnd.COMPLETE
                        if more:
                            last.append(piece)
                    except (BrokenOff, TimeoutError):
                        # The status line is long gone, so the error has to travel as an event, as vLLM's do.
                        piece, more = self._errors.event(EngineFailed(_BROKEN_OFF)), False
                        finished = StreamEnd.ENGINE_FAILED
                    except APIError as error:
                        piece, more = self._errors.event(error), False
                        is_engines = isinstance(error, _ENGINE_ERRORS)
                        finished = StreamEnd.ENGINE_FAILED if is_engines else StreamEnd.NOT_JUDGED
                    except Exception as error:
                        # The client is told, and whoever reads the log in the end.
                        piece, more, fault = self._errors.event(ServerFailed()), False, error
                        finished = StreamEnd.PROXY_FAILED
                    with patience:
                        await send({"type": "http.response.body", "body": piece, "more_body": more})
                    if not more:
                        end = finished
                        break
        except (ClientGone, TimeoutError):
            end = StreamEnd.CLIENT_GONE
        except asyncio.CancelledError:
            # A proxy that stops waits no longer.
            end = StreamEnd.PROXY_STOPPED
            last_words = self._errors.event(ServerStopping())
            await send({"type": "http.response.body", "body": last_words, "more_body": False})
        finally:
            # Closing the connection is what makes the engine stop generating.
            self._upstream.close()
            self._on_end(end, b"".join(last))
        if fault is not None:
            raise fault


def _passed_headers(upstream: Stream) -> dict[str, str]:
    return {name: upstream.headers[name] for name in _PASSED_HEADERS if name in upstream.headers}
