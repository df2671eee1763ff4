"""All routes of the console."""

from fastapi import APIRouter, Request

from server.completions import Completions
from server.components import Components
from server.console.bare_answers import BareAnswers
from server.console.door import administrator
from server.console.judgement import judgement_routes
from server.console.live import live_routes
from server.console.page_files import page_routes
from server.console.prompt import PlaygroundBody, parse_playground
from server.console.target_desk import TargetDesk
from server.keys import Scope
from server.openapi import body_schema

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
