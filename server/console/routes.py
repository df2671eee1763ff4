"""All routes of the console."""

from fastapi import APIRouter, Request

from lethe.server.access.access import Access
from lethe.server.access.keys import Scope
from lethe.server.audit.log import Audit
from lethe.server.console.answered import Answered
from lethe.server.console.auth import administrator
from lethe.server.console.bare_answers import BareAnswers
from lethe.server.console.classify import add_classify_routes
from lethe.server.console.days import add_days_route
from lethe.server.console.feedback import FeedbackRoutes
from lethe.server.console.live import add_live_route
from lethe.server.console.prompt import PlaygroundBody, parse_playground
from lethe.server.console.static import add_page_routes
from lethe.server.console.target_data import TargetDataRoutes
from lethe.server.console.targets import TargetRoutes
from lethe.server.engines.models import Models
from lethe.server.guard.guard import Guard
from lethe.server.metrics import Metrics
from lethe.server.openapi import body_schema
from lethe.server.reload import Reload
from lethe.server.request.bodies import Bodies
from lethe.server.request.handler import GuardedRoute, RequestHandler
from lethe.server.request.placement import Placer
from lethe.server.settings.settings import Settings


def add_console_routes(
    router: APIRouter,
    settings: Settings,
    models: Models,
    guard: Guard,
    placer: Placer,
    access: Access,
    bodies: Bodies,
    reload: Reload,
    metrics: Metrics,
    audit: Audit,
    handler: RequestHandler,
) -> None:
    """Add the page, and what it asks."""
    bare_answers = settings.console.bare_answers

    @router.get("/console/api/session")
    async def session(request: Request) -> dict[str, object]:
        """Whether the key will do, and what there is."""
        key = administrator(request, access)
        return {
            "key": key.id,
            "bare_answers": bare_answers,
            "feedback": settings.feedback.folder is not None,
            "target_data": settings.console.target_data is not None,
            "models": sorted(name for each in models.of(key) for name in each.names),
            # What a prompt has to name one of.
            "choices": [each.name for each in models.of(key)] if models.are_several else [],
        }

    answered = Answered(access)
    body = body_schema(PlaygroundBody)
    router.post("/console/api/guarded", openapi_extra=body)(
        handler.answers(
            GuardedRoute("/console/api/guarded", parse_playground, Scope.ADMIN, on_record=answered.keep)
        )
    )
    answered.add_to(router)
    if bare_answers:
        router.post("/console/api/bare", openapi_extra=body)(
            BareAnswers(settings, models, access, bodies, audit, metrics).route()
        )
    add_classify_routes(router, settings, models, guard, placer, access)
    add_live_route(router, settings, models, access, metrics)
    add_days_route(router, settings, guard, access)
    targets = TargetRoutes(settings, guard, access, reload, audit)
    targets.add_to(router)
    FeedbackRoutes(settings, access, audit, targets.find).add_to(router)
    if settings.console.target_data is not None:
        TargetDataRoutes(settings, access, reload, audit).add_to(router)
    add_page_routes(router)
