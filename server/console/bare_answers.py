"""The model's answers without the guard: the one place where unguarded text leaves the engine.

Not there at all unless the operator says so. Then: for administrators' keys alone, from the console's own page
alone, each written to the audit log before the engine is asked, and counted. What the engine gets is made here
from a prompt and two numbers, so that nothing else can be asked of it.
"""

import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from lethe.classifier.conversation import Conversation
from lethe.server.access.access import Access
from lethe.server.access.keys import ApiKey
from lethe.server.audit.log import Audit
from lethe.server.console.auth import administrator
from lethe.server.console.prompt import PlaygroundBody, read_model
from lethe.server.endpoints.chat import ChatRequest
from lethe.server.engines.models import Models
from lethe.server.errors import Unavailable, UnknownModel
from lethe.server.metrics import Metrics
from lethe.server.request.bodies import Bodies
from lethe.server.request.lifetime import RequestLifetime
from lethe.server.settings.settings import Settings


class BareAnswers:
    """Answers without the guard."""

    def __init__(
        self,
        settings: Settings,
        models: Models,
        access: Access,
        bodies: Bodies,
        audit: Audit,
        metrics: Metrics,
    ) -> None:
        self._bodies = bodies
        self._settings = settings
        self._models = models
        self._access = access
        self._audit = audit
        self._given = metrics.counter(
            "lethe_console_bare_answers",
            "Answers without the guard that administrators were given in the console.",
        )

    def route(self) -> Callable[[Request], Awaitable[Response]]:
        """What answers the route."""

        async def answer(request: Request) -> Response:
            lifetime = RequestLifetime(self._settings.limits.stall_timeout_s)
            return await lifetime.answer(self._answer(request, lifetime))

        return answer

    async def _answer(self, request: Request, lifetime: RequestLifetime) -> Response:
        key = administrator(request, self._access)
        async with self._bodies.read(request) as raw:
            body = read_model(raw, PlaygroundBody)
            served = self._models.asked(body.model, key)
            if body.model and body.model not in served.names:
                raise UnknownModel(body.model, served.names)
            for quota in key.quotas:
                lifetime.hold(await self._access.admit(quota))
            request_id = secrets.token_hex(16)
            if not await self._audit.recorded(self._entry(body, key, request_id, served.name)):
                raise Unavailable(
                    "The audit log cannot be written, so no bare answer is given.", retry_after_s=5
                )
            self._given.inc()
            # A salt of its own: what an administrator tried is not to be told from the cache by how fast it is.
            content = body.as_chat() | {"cache_salt": secrets.token_hex(16)}
            if model := served.engine_name(body.model):
                content["model"] = model
            upstream = await served.engines.post(ChatRequest.path, content, {"X-Request-Id": request_id})
            lifetime.hold(upstream.close)
            response = await lifetime.relay(upstream)
            response.headers["x-request-id"] = request_id
            return response

    def _entry(self, body: PlaygroundBody, key: ApiKey, request_id: str, model: str) -> dict[str, Any]:
        return {
            "time": time.time(),
            "event": "bare_answer",
            "request_id": request_id,
            "key": key.id,
            "prompt_digest": self._audit.digest([Conversation.from_prompt(body.prompt)]),
            "max_tokens": body.max_tokens,
            **({"served": model} if model else {}),
        }
