"""Sends an engine what clients ask, and tells what it has not taken, which another engine may be asked."""

import time
from collections.abc import Mapping
from typing import Any

import orjson

from lethe.server.engines.http_client import HttpClient, NotConnected
from lethe.server.engines.http_connection import BrokenOff, HttpAnswer, Waits
from lethe.server.engines.refusals import Refusals
from lethe.server.errors import EngineFailed, EngineNotReached, EngineTimeout, Unavailable

RETRY_AFTER_S = 5
# A close that a request meets on its way comes back sooner.
_ROUND_TRIP_S = 1.0
# What vLLM answers to all that comes while it goes on with what it has, and says that it is well.
_ENGINE_STOPS = b"cannot schedule new futures after shutdown"
# What vLLM answers once the process that runs the model is no more, be it that it crashed or that the engine stops.
_ENGINE_IS_DEAD = b"EngineCore encountered an issue"


class RequestSender:
    """The connections that requests go over; must be made inside the event loop.

    Parameters
    ----------
    headers
        Sent with every request.
    waits
        How long it waits for an answer.
    keepalive_s
        For how long an idle connection is kept.
    """

    def __init__(self, headers: Mapping[str, str], waits: Waits, keepalive_s: float) -> None:
        self._http = HttpClient(headers, waits, keepalive_s)
        self._refusals = Refusals()

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def forget_refusals(self) -> None:
        """Another engine has taken the place of the one that refused."""
        self._refusals.forget()

    async def post(self, address: str, body: dict[str, Any], headers: Mapping[str, str]) -> HttpAnswer:
        """The head of the answer to a request; raises as `EngineClient.post` does."""
        content = orjson.dumps(body)
        asked_at = time.monotonic()
        try:
            try:
                answer = await self._http.post(address, content, headers)
                if not await self._refuses(answer, asked_at):
                    return answer
            except BrokenOff as error:
                if not (error.reused and _left_unread(error, asked_at)):
                    raise
            # Other kept connections may be no better; behind a service a new one leads to another engine.
            asked_at = time.monotonic()
            answer = await self._http.post(address, content, headers, anew=True)
            if await self._refuses(answer, asked_at):
                raise _not_reached("stops")
            return answer
        except NotConnected:
            raise _not_reached("refuses connections") from None
        except TimeoutError:
            raise EngineTimeout("The engine did not answer in time.") from None
        except BrokenOff as error:
            if self._refusals.began_before(asked_at) and _left_unread(error, asked_at):
                raise _not_reached("stops") from None
            raise EngineFailed("The engine broke off before it answered.") from None

    async def _refuses(self, answer: HttpAnswer, asked_at: float) -> bool:
        """Whether it has answered so because it is stopping; what it answers otherwise can still be read.

        Raises
        ------
        EngineNotReached, Unavailable
            The process that runs the model is no more: by its stop, or maybe by what it was asked.
        """
        try:
            text = await answer.read() if answer.status == 500 else b""
        except BaseException:
            answer.close()
            raise
        if _ENGINE_STOPS in text:
            self._refusals.count()
            return True
        if _ENGINE_IS_DEAD in text:
            if self._refusals.began_before(asked_at):
                raise _not_reached("stops")
            raise Unavailable("The model is not ready: its engine has stopped.", retry_after_s=RETRY_AFTER_S)
        return False


def _not_reached(because: str) -> EngineNotReached:
    return EngineNotReached(f"The model is not ready: its engine {because}.", retry_after_s=RETRY_AFTER_S)


def _left_unread(error: BrokenOff, asked_at: float) -> bool:
    """Whether the engine broke off without having read the request, so far as that shows.

    It then had closed the connection while it was idle, or reset it as it woke up to find it idle for too long. What
    it read and then died of must not go to another engine, which may stand behind the same address.
    """
    # An engine resets what it has not read, and closes quietly what it has.
    return error.by_reset or time.monotonic() - asked_at < _ROUND_TRIP_S
