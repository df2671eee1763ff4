"""All routes of the console."""

from fastapi import APIRouter, Request

from lethe.server.access.access import Access
from lethe.server.access.keys import Scope
from lethe.server.audit.log import Audit
from lethe.server.console.auth import administrator
from lethe.server.console.bare_answers import BareAnswers
from lethe.server.console.classify import classify_routes
from lethe.server.console.live import live_routes
from lethe.server.console.prompt import PlaygroundBody, parse_playground
from lethe.server.console.static import page_routes
from lethe.server.console.targets import TargetRoutes
from lethe.server.engines.pool import EnginePool
from lethe.server.guard.guard import Guard
from lethe.server.metrics import Metrics
from lethe.server.openapi import body_schema
from lethe.server.reload import Reload
from lethe.server.request.bodies import Bodies
from lethe.server.request.handler import GuardedRoute, RequestHandler
from lethe.server.request.placement import Placer
from lethe.server.settings import Settings

API = "/console/api"


def console_routes(
    settings: Settings,
    engines: EnginePool,
    guard: Guard,
    placer: Placer,
    access: Access,
    bodies: Bodies,
    reload: Reload,
    metrics: Metrics,
    audit: Audit,
    handler: RequestHandler,
) -> APIRouter:
    """The page, and what it asks."""
    bare_answers = settings.console.bare_answers
    # One router, of whose routes the app makes its own: each that stands between makes them all once more.
    router = APIRouter()

    @router.get(f"{API}/session")
    async def session(request: Request) -> dict[str, object]:
        """Whether the key will do, and what there is."""
        key = administrator(request, access)
        return {"key": key.id, "bare_answers": bare_answers, "models": sorted(engines.model_names)}

    body = body_schema(PlaygroundBody)
    router.post(f"{API}/guarded", openapi_extra=body)(
        handler.answers(GuardedRoute(f"{API}/guarded", parse_playground, Scope.ADMIN))
    )
    if bare_answers:
        router.post(f"{API}/bare", openapi_extra=body)(
            BareAnswers(settings, engines, access, bodies, audit, metrics).route()
        )
    router.include_router(classify_routes(settings, guard, placer, access), prefix=API)
    router.include_router(live_routes(settings, engines, access, metrics), prefix=API)
    router.include_router(TargetRoutes(settings, guard, access, reload, audit).routes(), prefix=API)
    router.include_router(page_routes())
    return router
