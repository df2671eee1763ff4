"""A request and its answer: what is held for them, let go of once, when the answer has ended, however it ends."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, ExitStack
from typing import TypeVar

from fastapi.responses import Response
from starlette.requests import ClientDisconnect

from lethe.server.engines.answer import EngineAnswer
from lethe.server.error_forms import OPENAI_ERRORS, ErrorForm
from lethe.server.errors import APIError, EngineFailed, ServerFailed, ServerStopping, Unavailable
from lethe.server.request.relay import ClientGone, Stream, StreamedResponse, StreamEnd, buffered

CLIENT_CLOSED_REQUEST = 499

_Held = TypeVar("_Held")
_STATUS = {
    StreamEnd.CLIENT_GONE: CLIENT_CLOSED_REQUEST,
    StreamEnd.ENGINE_FAILED: EngineFailed.status,
    StreamEnd.NOT_JUDGED: Unavailable.status,
    StreamEnd.PROXY_FAILED: ServerFailed.status,
    StreamEnd.PROXY_STOPPED: ServerStopping.status,
}


class RequestLifetime:
    """One request, from its head to the end of its answer.

    Parameters
    ----------
    on_end
        Told the status that it ended with and, if there was one, the engine's answer or the last of its stream.
    stall_timeout_s
        A client that takes nothing of a stream for so long is taken to be gone.
    errors
        The form that errors are answered in.
    """

    def __init__(
        self,
        stall_timeout_s: float,
        on_end: Callable[[int, bytes | None], None] = lambda status, answer: None,
        errors: ErrorForm = OPENAI_ERRORS,
    ) -> None:
        self._stall_timeout_s = stall_timeout_s
        self._on_end = on_end
        self._errors = errors
        self._held = ExitStack()
        self._answered: bytes | None = None

    def hold(self, let_go: Callable[[], object]) -> None:
        """Have something called at the end."""
        self._held.callback(let_go)

    def keep(self, held: AbstractContextManager[_Held]) -> _Held:
        """Stay within a context until the end."""
        return self._held.enter_context(held)

    async def answer(self, work: Awaitable[Response]) -> Response:
        """Do the work that a request asks for; what goes wrong ends it here, and a stream when it has been sent."""
        try:
            response = await work
        except (ClientGone, ClientDisconnect):
            self._end(CLIENT_CLOSED_REQUEST)
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        except APIError as error:
            response = self._errors.response(error)
            self._end(response.status_code)
            return response
        except asyncio.CancelledError:
            self._end(ServerStopping.status)
            raise
        except BaseException:
            self._end(500)
            raise
        if not isinstance(response, StreamedResponse):
            self._end(response.status_code, self._answered)
        return response

    async def relay(self, upstream: EngineAnswer) -> Response:
        """Pass an engine's answer on: as it comes if it is a stream, else whole.

        Raises
        ------
        EngineFailed
            As of `buffered`.
        """
        if upstream.is_stream:
            return self.stream(upstream)
        return self.whole(await buffered(upstream))

    def stream(self, upstream: Stream) -> Response:
        """Pass a stream on as it comes."""
        on_end = self._stream_ended(upstream.status)
        return StreamedResponse(upstream, self._stall_timeout_s, self._errors, on_end)

    def whole(self, response: Response) -> Response:
        """Pass an answer on that is there."""
        self._answered = bytes(response.body)
        return response

    def _stream_ended(self, status: int) -> Callable[[StreamEnd, bytes], None]:
        return lambda end, last: self._end(_STATUS.get(end, status), last)

    def _end(self, status: int, answer: bytes | None = None) -> None:
        with self._held:
            self._on_end(status, answer)
