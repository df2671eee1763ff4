"""Routes for operators; each needs a key with the scope ``admin``."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request
from fastapi.responses import Response

from lethe.server.access.access import Access
from lethe.server.access.keys import Scope
from lethe.server.endpoints.endpoint import EngineRequest
from lethe.server.endpoints.lengths import Lengths
from lethe.server.endpoints.scrub import scrub
from lethe.server.endpoints.tokenizer import DetokenizeRequest, TokenizeRequest
from lethe.server.engines.models import Models
from lethe.server.errors import Conflict
from lethe.server.guard.guard import Guard
from lethe.server.openapi import body_schema
from lethe.server.reload import Reload, ReloadError
from lethe.server.request.bodies import Bodies, aside
from lethe.server.request.lifetime import RequestLifetime
from lethe.server.schemas import Detokenized, TargetInForce, TargetsInForce, Tokens
from lethe.server.settings.settings import Settings


def add_admin_routes(
    router: APIRouter,
    settings: Settings,
    models: Models,
    guard: Guard,
    access: Access,
    bodies: Bodies,
    reload: Reload,
) -> None:
    """Add the routes under ``/admin``, and the engine's tokenizer: it needs no guard but is nobody else's either."""

    @router.get("/admin/targets", response_model_exclude_none=True)
    async def targets(request: Request) -> TargetsInForce:
        """The targets in force."""
        access.identify(request.headers, Scope.ADMIN)
        return _in_force(guard)

    @router.post("/admin/reload", response_model_exclude_none=True)
    async def reload_all(request: Request) -> TargetsInForce:
        """Load bundles and keys anew; `409` with the reason if they are not usable, and all that was in force stays."""
        access.identify(request.headers, Scope.ADMIN)
        try:
            await reload.try_all()
        except ReloadError as error:
            raise Conflict(f"What was in force stays: {error}") from None
        return _in_force(guard)

    most = Lengths.of(settings.limits)

    def tokenizer(asked: type[EngineRequest]) -> Callable[[Request], Awaitable[Response]]:
        async def ask(request: Request, lifetime: RequestLifetime) -> Response:
            key = access.identify(request.headers, Scope.ADMIN)
            for quota in key.quotas:
                lifetime.hold(await access.admit(quota))
            async with bodies.read(request) as raw:
                parsed = await aside(raw, lambda: asked.parse(raw, most))
                served = models.asked(parsed.model, key)
                if not served.engines.ready:
                    raise served.engines.unavailable()
                body = scrub(parsed, served.names).body
                if model := served.engine_name(parsed.model):
                    body["model"] = model
                upstream = await served.engines.post(asked.path, body)
                lifetime.hold(upstream.close)
                return await lifetime.relay(upstream)

        async def answer(request: Request) -> Response:
            lifetime = RequestLifetime(settings.limits.stall_timeout_s)
            return await lifetime.answer(ask(request, lifetime))

        return answer

    for asked, answer in ((TokenizeRequest, Tokens), (DetokenizeRequest, Detokenized)):
        router.post(
            asked.path,
            description=asked.description,
            responses={200: {"model": answer}},
            openapi_extra=body_schema(asked.Body),
        )(tokenizer(asked))


def _in_force(guard: Guard) -> TargetsInForce:
    return TargetsInForce(
        targets=[
            TargetInForce(
                model=model or None,
                name=each.name,
                version=each.version,
                action=each.action,
                fits=each.in_place_of is None,
                percent=each.percent,
                answers=each.answers_judged.value,
            )
            for model, targets in guard.targets_by_model().items()
            for each in targets
        ]
    )
