"""All routes of the console."""

from fastapi import APIRouter, Request

from lethe.server.access.keys import Scope
from lethe.server.components import Components
from lethe.server.console.auth import administrator
from lethe.server.console.bare_answers import BareAnswers
from lethe.server.console.classify import judgement_routes
from lethe.server.console.live import live_routes
from lethe.server.console.prompt import PlaygroundBody, parse_playground
from lethe.server.console.static import page_routes
from lethe.server.console.targets import TargetDesk
from lethe.server.openapi import body_schema
from lethe.server.request.handler import Completions

API = "/console/api"


def console_routes(components: Components, completions: Completions) -> APIRouter:
    """The page, and what it asks."""
    bare_answers = components.settings.console.bare_answers
    api = APIRouter(prefix=API)

    @api.get("/session")
    async def session(request: Request) -> dict[str, object]:
        """Whether the key will do, and what there is."""
        key = administrator(request, components.access)
        return {"key": key.id, "bare_answers": bare_answers, "models": sorted(components.engine.model_names)}

    body = body_schema(PlaygroundBody)
    api.post("/guarded", openapi_extra=body)(
        completions.route(f"{API}/guarded", parse_playground, Scope.ADMIN)
    )
    if bare_answers:
        api.post("/bare", openapi_extra=body)(BareAnswers(components).route())
    api.include_router(judgement_routes(components))
    api.include_router(live_routes(components))
    api.include_router(TargetDesk(components).routes())

    router = APIRouter()
    router.include_router(api)
    router.include_router(page_routes())
    return router
