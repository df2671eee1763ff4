"""The way of a completion request, from its bytes to the record of its end."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import replace

from fastapi import Request
from fastapi.responses import Response
from starlette.requests import ClientDisconnect

from lethe.server.access.access import Access
from lethe.server.access.keys import ApiKey, Scope
from lethe.server.endpoints.body import read_body
from lethe.server.endpoints.endpoint import GuardedRequest
from lethe.server.endpoints.scrub import scrub
from lethe.server.engines.answer import EngineAnswer
from lethe.server.engines.pool import Engines
from lethe.server.errors import APIError, BadRequest, ServerStopping, Unavailable
from lethe.server.guard.decision import Decision, Outcome
from lethe.server.guard.guard import Guard
from lethe.server.request.body_budget import BodyBudget
from lethe.server.request.placement import Placer
from lethe.server.request.record import CLIENT_CLOSED_REQUEST, Record, Recorders
from lethe.server.request.relay import ClientGone, StreamedResponse, buffered, cancelled_on_disconnect
from lethe.server.request.rewrite import rewrite
from lethe.server.settings import Settings

_CHANGING = (Outcome.CORRUPT, Outcome.ADAPTER, Outcome.REFUSE)
_BLOCKED = "This request could not be checked and is not answered: "


class RequestHandler:
    """Answers what is asked of the model."""

    def __init__(
        self,
        settings: Settings,
        engines: Engines,
        guard: Guard,
        placer: Placer,
        access: Access,
        recorders: Recorders,
    ) -> None:
        self._settings = settings
        self._engines = engines
        self._guard = guard
        self._placer = placer
        self._access = access
        self._recorders = recorders
        self._bodies = BodyBudget(settings.limits.max_bodies_bytes)

    def route(
        self, endpoint: str, parse: Callable[[bytes], GuardedRequest], scope: Scope = Scope.USE
    ) -> Callable[[Request], Awaitable[Response]]:
        """What answers the requests of a route, recording each whatever becomes of it.

        Parameters
        ----------
        parse
            Reads the body.
        scope
            What a key must have to ask here.
        """

        async def answer(request: Request) -> Response:
            record = Record(endpoint, self._recorders, request.headers)
            response = await self._recorded(request, parse, scope, record)
            response.headers["x-request-id"] = record.request_id
            if record.verdict is not None:
                response.headers["x-lethe-verdict"] = record.verdict
            return response

        return answer

    async def _recorded(
        self, request: Request, parse: Callable[[bytes], GuardedRequest], scope: Scope, record: Record
    ) -> Response:
        try:
            if record.others_in_flight >= self._settings.limits.max_requests:
                raise Unavailable("Too many requests are under way.", code="overloaded", retry_after_s=1)
            key = self._access.identify(request.headers, scope)
            record.admitted(key, await self._access.admit(key))
            settings = self._settings
            with self._bodies.held() as take:
                raw = await read_body(request, settings.max_body_bytes, settings.limits.body_timeout_s, take)
                async with cancelled_on_disconnect(request.receive):
                    return await self._guarded(parse(raw), key, record)
        except (ClientGone, ClientDisconnect):
            record.disconnected()
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        except APIError as error:
            record.finished(error.status)
            return error.response()
        except asyncio.CancelledError:
            record.finished(ServerStopping.status)
            raise
        except BaseException:
            record.finished(500)
            raise

    async def _guarded(self, parsed: GuardedRequest, key: ApiKey, record: Record) -> Response:
        record.parsed(parsed)
        if not self._engines.ready:
            raise self._engines.unavailable()
        if self._settings.audit.required and self._recorders.audit.failing:
            raise Unavailable("The audit log cannot be written, so nothing is answered.", retry_after_s=5)
        parsed = scrub(parsed, self._engines.model_names)
        decision = await self._decide(parsed, key, record)
        if decision.outcome is Outcome.BLOCK:
            raise _blocked(decision)
        if decision.outcome is Outcome.REFUSE:
            refusal = parsed.refusal(next(iter(self._engines.model_names), ""), self._settings.policy.refusal)
            record.finished(200)
            return refusal
        upstream = await self._ask(parsed, decision, record)
        if upstream.headers.get("Content-Type", "").startswith("text/event-stream"):
            stall = self._settings.limits.stall_timeout_s
            return StreamedResponse(upstream, stall, record.stream_ended(upstream.status))
        response = await buffered(upstream)
        record.finished(upstream.status, bytes(response.body))
        return response

    async def _ask(self, parsed: GuardedRequest, decision: Decision, record: Record) -> EngineAnswer:
        with ExitStack() as held:
            adapter = None
            if decision.adapter is not None:
                # Before anything is waited for, or targets that change meanwhile could take it away.
                adapter = held.enter_context(self._engines.adapters.in_use(decision.adapter))
            corruption = await self._placer.place(parsed, decision) if decision.corruptions else None
            body = rewrite(parsed, corruption, record.request_id, adapter)
            headers = record.asked(parsed)
            answer = await self._engines.post(parsed.path, body, headers, decision.adapter)
            record.first_byte()
            answer.at_close(held.pop_all().close)
        return answer

    async def _decide(self, parsed: GuardedRequest, key: ApiKey, record: Record) -> Decision:
        decoded = [await self._engines.detokenize(ids) for ids in parsed.token_id_prompts()]
        conversations = list(parsed.conversations(decoded))
        started = time.perf_counter()
        decision = await self._guard.decide(conversations, key, parsed.demanded_output())
        if not parsed.generates and decision.outcome in _CHANGING:
            decision = replace(decision, outcome=Outcome.OBSERVE, corruptions=(), adapter=None)
        record.decided(decision, conversations, time.perf_counter() - started)
        return decision


def _blocked(decision: Decision) -> APIError:
    if decision.verdicts:
        return BadRequest(f"{_BLOCKED}{decision.reason}.", code="unclassifiable")
    return Unavailable(f"{_BLOCKED}{decision.reason}.", retry_after_s=1)
