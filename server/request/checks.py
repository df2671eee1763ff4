"""The way of a request to judge alone: to a verdict, and no further."""

import time
from collections.abc import Iterator
from dataclasses import replace

from fastapi import Request
from fastapi.responses import Response

from lethe.classifier.conversation import Conversation
from lethe.classifier.exchange import Exchange
from lethe.classifier.verdict import Verdict
from lethe.server.access.access import Access
from lethe.server.access.keys import ApiKey, Quota, Scope
from lethe.server.endpoints.checks import CheckRequest, Findings
from lethe.server.endpoints.lengths import Lengths
from lethe.server.engines.models import Models
from lethe.server.errors import Unavailable
from lethe.server.guard.guard import Guard
from lethe.server.request.bodies import Bodies, aside
from lethe.server.request.lifetime import RequestLifetime
from lethe.server.request.record import Record, Recorders
from lethe.server.settings.settings import Settings


class CheckHandler:
    """Answers requests to judge alone. No engine is asked, and none need be ready."""

    def __init__(
        self,
        settings: Settings,
        models: Models,
        guard: Guard,
        access: Access,
        bodies: Bodies,
        recorders: Recorders,
    ) -> None:
        self._settings = settings
        self._models = models
        self._most = Lengths.of(settings.limits)
        self._guard = guard
        self._access = access
        self._bodies = bodies
        self._recorders = recorders

    async def answer(self, request: Request) -> Response:
        """Answer a request, recording it whatever becomes of it."""
        record = Record(CheckRequest.path, self._recorders, request)
        lifetime = RequestLifetime(self._settings.limits.stall_timeout_s, record.finished)
        response = await lifetime.answer(self._check(request, record, lifetime))
        response.headers["x-request-id"] = record.request_id
        return response

    async def _check(self, request: Request, record: Record, lifetime: RequestLifetime) -> Response:
        if record.others_in_flight >= self._settings.limits.max_requests:
            raise Unavailable("Too many requests are in flight.", code="overloaded", retry_after_s=1)
        key = self._access.identify(request.headers, Scope.CHECK)
        record.admitted(key)
        for quota in self._quotas(key):
            lifetime.hold(await self._access.admit(quota))
        async with self._bodies.read(request) as raw:
            asked = await aside(raw, lambda: CheckRequest.parse(raw, self._most))
            if self._settings.audit.required and self._recorders.audit.failing:
                raise Unavailable("The audit log cannot be written, so nothing is answered.", retry_after_s=5)
            in_detail = Scope.ADMIN in key.scopes
            conversation, answered = await aside(raw, lambda: (asked.conversation, asked.answer))
            prompt = await self._prompt_verdict(conversation, asked.model, key, record, in_detail)
            answer = answered and await self._answer_verdict(conversation, answered, record, in_detail)
            judged = (*prompt.targets, *(answer.targets if answer else ()))
            exempt = {each.target for each in judged if key.is_exempt(each.target)}
            return Findings(prompt, answer, exempt, in_detail).response()

    def _quotas(self, key: ApiKey) -> Iterator[Quota]:
        """The key's quotas for checks, counted apart from those for its other requests."""
        most = self._settings.limits.checks_per_minute
        for quota in key.quotas:
            allowed = quota.requests_per_minute
            # Of a team each key has the rate of one.
            if quota is key.quotas[0]:
                allowed = most if allowed is None else min(allowed, most)
            yield replace(quota, name=f"{quota.name}:check", requests_per_minute=allowed)

    async def _prompt_verdict(
        self, conversation: Conversation, model: str | None, key: ApiKey, record: Record, in_detail: bool
    ) -> Verdict:
        started = time.perf_counter()
        # A gateway's own model may have any name; where it is none of ours, the first is as good as another.
        served = self._models.named(model, key)
        if served is not None:
            record.routed(served.name)
        decision = await self._guard.decide([conversation], key, served=served, explain=in_detail)
        record.decided(decision, [conversation], time.perf_counter() - started)
        if not decision.verdicts:
            raise _no_verdict()
        return decision.verdicts[0]

    async def _answer_verdict(
        self, asked: Conversation, answer: Conversation, record: Record, in_detail: bool
    ) -> Verdict:
        exchange = Exchange.of(asked, "\n".join(each.text for each in answer.messages))
        verdict = await self._guard.judge_answer(exchange, explain=in_detail)
        if verdict is None:
            raise _no_verdict()
        if answer.unreadable and verdict.status == "ok":
            verdict = replace(verdict, status="unclassifiable", reasons=answer.unreadable)
        record.answer_checked(verdict)
        return verdict


def _no_verdict() -> Unavailable:
    return Unavailable("There is no verdict at present.", retry_after_s=1)
