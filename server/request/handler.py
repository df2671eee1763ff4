"""The way of a request to the model, its steps one below the other."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import Response

from lethe.classifier.conversation import Conversation
from lethe.server.access.access import Access
from lethe.server.access.keys import ApiKey, Scope
from lethe.server.endpoints.endpoint import GuardedRequest
from lethe.server.endpoints.lengths import Lengths
from lethe.server.endpoints.scrub import scrub
from lethe.server.engines.models import Models
from lethe.server.engines.served import Served
from lethe.server.error_forms import error_form
from lethe.server.errors import Unavailable
from lethe.server.guard.decision import Decision, Outcome
from lethe.server.guard.guard import Guard
from lethe.server.guard.policy import not_hidden
from lethe.server.request.accepted import Accepted
from lethe.server.request.answer_guard import AnswerGuard
from lethe.server.request.attachments import Attachments, Seen
from lethe.server.request.blocked import blocked
from lethe.server.request.bodies import Bodies, aside
from lethe.server.request.lifetime import RequestLifetime
from lethe.server.request.record import Record, Recorders
from lethe.server.settings.policy import OnPooled, ServerTools
from lethe.server.settings.settings import Settings


@dataclass(frozen=True)
class GuardedRoute:
    """A route whose prompts are judged.

    Attributes
    ----------
    path
        Names it in metrics, traces and the audit log.
    parse
        Reads a body, which may have so much.
    scope
        What a key must have to ask here.
    id_headers
        The headers in which clients look for the request's id.
    on_record
        Told of each request's record once it is known that its key may ask here.
    """

    path: str
    parse: Callable[[bytes, Lengths], GuardedRequest]
    scope: Scope = Scope.USE
    id_headers: Sequence[str] = ("x-request-id",)
    on_record: Callable[[Record], None] = lambda record: None


class RequestHandler:
    """Answers what is asked of the model."""

    def __init__(
        self,
        settings: Settings,
        models: Models,
        guard: Guard,
        access: Access,
        bodies: Bodies,
        attachments: Attachments,
        answers: AnswerGuard,
        recorders: Recorders,
    ) -> None:
        self._settings = settings
        self._most = Lengths.of(settings.limits)
        self._models = models
        self._guard = guard
        self._access = access
        self._bodies = bodies
        self._attachments = attachments
        self._answers = answers
        self._recorders = recorders

    def answers(self, route: GuardedRoute) -> Callable[[Request], Awaitable[Response]]:
        """What answers the requests of a route, recording each whatever becomes of it."""

        async def answer(request: Request) -> Response:
            record = Record(route.path, self._recorders, request)
            lifetime = RequestLifetime(
                self._settings.limits.stall_timeout_s, record.finished, error_form(route.path)
            )
            response = await lifetime.answer(self._handle(request, route, record, lifetime))
            for name in route.id_headers:
                response.headers[name] = record.request_id
            if record.verdict is not None:
                response.headers["x-lethe-verdict"] = record.verdict
            return response

        return answer

    async def _handle(
        self, request: Request, route: GuardedRoute, record: Record, lifetime: RequestLifetime
    ) -> Response:
        self._require_room(record)
        key = self._access.identify(request.headers, route.scope)
        record.admitted(key)
        route.on_record(record)
        for quota in key.quotas:
            lifetime.hold(await self._access.admit(quota))
        async with self._bodies.read(request) as raw:
            parsed = await aside(raw, lambda: route.parse(raw, self._most))
            record.parsed(parsed)
            served = self._models.asked(parsed.model, key)
            record.routed(served.name)
            self._require_readiness(served)
            if self._settings.policy.server_tools is ServerTools.DROP:
                parsed = parsed.without_server_tools()
            with_files = await self._attachments.files_as_text(parsed)
            parsed = await aside(raw, lambda: scrub(with_files, served.names))
            seen = await self._attachments.seen(parsed)
            conversations = await self._conversations(seen.request, raw, served)
            demanded = await aside(raw, seen.request.demanded_output)
            decision = await self._decide(seen, conversations, demanded, key, served, record)
            if decision.outcome is Outcome.BLOCK:
                raise blocked(decision)
            if decision.outcome is Outcome.REFUSE:
                return parsed.refusal(served.engines.model_name, self._settings.policy.refusal)
            accepted = Accepted(parsed, raw, conversations, key, decision, served, demanded is not None)
            return await self._answers.answer(accepted, record, lifetime)

    def _require_room(self, record: Record) -> None:
        if record.others_in_flight >= self._settings.limits.max_requests:
            raise Unavailable("Too many requests are in flight.", code="overloaded", retry_after_s=1)

    def _require_readiness(self, served: Served) -> None:
        if not served.engines.ready:
            raise served.engines.unavailable()
        if self._settings.audit.required and self._recorders.audit.failing:
            raise Unavailable("The audit log cannot be written, so nothing is answered.", retry_after_s=5)

    async def _decide(
        self,
        seen: Seen,
        conversations: Sequence[Conversation],
        demanded: Conversation | None,
        key: ApiKey,
        served: Served,
        record: Record,
    ) -> Decision:
        started = time.perf_counter()
        decision = await self._guard.decide(
            conversations,
            key,
            demanded,
            seen.unjudged,
            served=served,
            pooled=self._pooled(seen.request),
            sampled=True,
        )
        if seen.shows_read:
            decision = not_hidden(decision)
        record.decided(decision, conversations, time.perf_counter() - started)
        return decision

    def _pooled(self, parsed: GuardedRequest) -> OnPooled | None:
        if parsed.generates:
            return None
        # A count says nothing of what is counted.
        return self._settings.policy.on_pooled if parsed.pooled else OnPooled.OBSERVE

    async def _conversations(self, parsed: GuardedRequest, raw: bytes, served: Served) -> list[Conversation]:
        decoded = [await served.engines.detokenize(ids) for ids in parsed.token_id_prompts()]
        return await aside(raw, lambda: list(parsed.conversations(decoded)))
