"""The way of a completion request, from its bytes to the record of its end."""

import time
from collections.abc import Callable

from fastapi import Request
from fastapi.responses import Response
from starlette.requests import ClientDisconnect

from server.components import Components
from server.decision import Decision, Outcome
from server.errors import APIError, BadRequest, Unavailable
from server.keys import ApiKey, Scope
from server.record import CLIENT_CLOSED_REQUEST, Record
from server.refusal import refusal_response
from server.relay import ClientGone, StreamedResponse, buffered, cancelled_on_disconnect
from server.requests import ParsedRequest, read_body
from server.rewrite import rewrite
from server.scrub import scrub

_BLOCKED = "This request could not be checked and is not answered: "


class Completions:
    """Answers what makes the model generate."""

    def __init__(self, components: Components) -> None:
        self._components = components
        self._settings = components.settings
        self._engine = components.engine
        self._guard = components.guard
        self._placer = components.placer
        self._access = components.access
        self._audit = components.audit

    async def answer(
        self, request: Request, endpoint: str, parse: Callable[[bytes], ParsedRequest]
    ) -> Response:
        """Answer a request, recording it whatever becomes of it.

        Parameters
        ----------
        endpoint
            The route, for the record.
        parse
            Reads the body.
        """
        record = Record(endpoint, self._components)
        response = await self._recorded(request, parse, record)
        response.headers["x-request-id"] = record.request_id
        return response

    async def _recorded(
        self, request: Request, parse: Callable[[bytes], ParsedRequest], record: Record
    ) -> Response:
        try:
            key = self._access.identify(request.headers, Scope.USE)
            await self._access.admit(key)
            record.admitted(key)
            settings = self._settings
            raw = await read_body(request, settings.max_body_bytes, settings.limits.body_timeout_s)
            async with cancelled_on_disconnect(request.receive):
                return await self._guarded(parse(raw), key, record)
        except (ClientGone, ClientDisconnect):
            record.disconnected()
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        except APIError as error:
            record.finished(error.status)
            return error.response()
        except BaseException:
            record.finished(500)
            raise

    async def _guarded(self, parsed: ParsedRequest, key: ApiKey, record: Record) -> Response:
        record.parsed(parsed)
        if not self._engine.ready:
            raise self._engine.unavailable()
        if self._settings.audit.required and self._audit.failing:
            raise Unavailable("The audit log cannot be written, so nothing is answered.", retry_after_s=5)
        parsed = scrub(parsed, self._engine.model_names)
        decision = await self._decide(parsed, key, record)
        if decision.outcome is Outcome.BLOCK:
            raise _blocked(decision)
        if decision.outcome is Outcome.REFUSE:
            model = next(iter(self._engine.model_names), "")
            record.finished(200)
            return refusal_response(parsed, model, self._settings.policy.refusal)
        corruption = None
        if decision.outcome is Outcome.CORRUPT:
            corruption = await self._placer.place(parsed, decision)
        sent = time.perf_counter()
        upstream = await self._engine.post(parsed.endpoint, rewrite(parsed, corruption), record.request_id)
        record.first_byte(time.perf_counter() - sent)
        if upstream.headers.get("Content-Type", "").startswith("text/event-stream"):
            return StreamedResponse(upstream, record.stream_ended(upstream.status))
        response = await buffered(upstream)
        record.finished(upstream.status)
        return response

    async def _decide(self, parsed: ParsedRequest, key: ApiKey, record: Record) -> Decision:
        decoded = [await self._engine.detokenize(ids) for ids in parsed.token_id_prompts()]
        conversations = list(parsed.conversations(decoded))
        started = time.perf_counter()
        decision = await self._guard.decide(conversations, key, parsed.demanded_output())
        record.decided(decision, conversations, time.perf_counter() - started)
        return decision


def _blocked(decision: Decision) -> APIError:
    if decision.verdicts:
        return BadRequest(f"{_BLOCKED}{decision.reason}.", code="unclassifiable")
    return Unavailable(f"{_BLOCKED}{decision.reason}.", retry_after_s=1)
