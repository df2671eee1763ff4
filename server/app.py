"""The HTTP surface: its routes, and what becomes of every error."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from fastapi.security import APIKeyHeader, HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.errors import ServerErrorMiddleware

from lethe.server.access.access import Access
from lethe.server.access.client_address import ClientAddresses
from lethe.server.access.keys import Scope
from lethe.server.admin import add_admin_routes
from lethe.server.audit.log import Audit
from lethe.server.clients import ClientRoutes
from lethe.server.console import add_console_routes
from lethe.server.drain import Drain
from lethe.server.endpoints import GUARDED
from lethe.server.endpoints.checks import CheckRequest
from lethe.server.engines.models import Models
from lethe.server.error_forms import ANTHROPIC_ERRORS, error_form, error_form_of
from lethe.server.errors import APIError, Misdirected, ServerFailed, ServerStopping
from lethe.server.guard.guard import Guard
from lethe.server.media.reader import MediaReader
from lethe.server.methods import HeadAsGet, allowed_methods
from lethe.server.metrics import Metrics
from lethe.server.openapi import body_schema
from lethe.server.reload import Reload
from lethe.server.request.answer_guard import AnswerGuard
from lethe.server.request.attachments import Attachments
from lethe.server.request.bodies import Bodies
from lethe.server.request.checks import CheckHandler
from lethe.server.request.handler import GuardedRoute, RequestHandler
from lethe.server.request.metrics import RequestMetrics
from lethe.server.request.placement import Placer
from lethe.server.request.record import Recorders
from lethe.server.request.tracing import Tracing
from lethe.server.schemas import (
    Alive,
    AnthropicErrorAnswer,
    Check,
    ErrorAnswer,
    ModelEntries,
    ModelEntry,
    Ready,
)
from lethe.server.settings.settings import Settings
from lethe.server.straight_posts import StraightPosts

OPEN = "open"
CONSOLE = "console"
_GROUPS = {
    Scope.USE.value: "For clients: needs a key of scope `use`.",
    Scope.CHECK.value: "For gateways that want verdicts alone: needs a key of scope `check`.",
    Scope.OBSERVE.value: "For monitoring: needs a key of scope `observe`.",
    Scope.ADMIN.value: "For operators: needs a key of scope `admin`.",
    OPEN: "Probes: need no key.",
    CONSOLE: "For the console's page, and changes with it: needs a key of scope `admin`.",
}
# For the document alone: the routes ask for a key themselves, and answer errors in their own form.
_KEY = HTTPBearer(scheme_name="key", description="A key of `lethe keys create`.", auto_error=False)
_ANTHROPIC_KEY = APIKeyHeader(
    name="x-api-key", scheme_name="anthropic-key", description="The same, Anthropic's way.", auto_error=False
)
_Answers = dict[int | str, dict[str, Any]]
_ERROR = "An error, in OpenAI's form."
# Of each model that a route names a validator is made, at every start: one route names it, the others where it stands.
_NAMED_ERRORS: _Answers = {"default": {"model": ErrorAnswer, "description": _ERROR}}
_ERROR_SCHEMA = {"$ref": f"#/components/schemas/{ErrorAnswer.__name__}"}
_ERRORS: _Answers = {
    "default": {"description": _ERROR, "content": {"application/json": {"schema": _ERROR_SCHEMA}}}
}
_ANSWER_CONTENT: dict[str, Any] = {"application/json": {}, "text/event-stream": {}}
_OPENAI_ANSWERS: _Answers = {
    200: {"description": "As vLLM gives it, in OpenAI's form.", "content": _ANSWER_CONTENT}
}
_ANTHROPIC_ANSWERS: _Answers = {
    200: {"description": "As vLLM gives it, in Anthropic's form.", "content": _ANSWER_CONTENT},
    "default": {"model": AnthropicErrorAnswer, "description": "An error, in Anthropic's form."},
}


def create_app(
    settings: Settings,
    *,
    models: Models,
    guard: Guard,
    placer: Placer,
    reader: MediaReader,
    access: Access,
    reload: Reload,
    metrics: Metrics,
    audit: Audit,
    tracing: Tracing,
    drain: Drain,
) -> FastAPI:
    """The proxy as an ASGI application."""
    addresses = ClientAddresses(settings.proxies) if settings.audit.client else None
    recorders = Recorders(RequestMetrics(metrics), audit, tracing, settings.audit.text_share, addresses)
    bodies = Bodies(settings.max_body_bytes, settings.limits)
    answers = AnswerGuard(settings, guard, placer, bodies)
    attachments = Attachments(settings.policy, reader)
    handler = RequestHandler(settings, models, guard, access, bodies, attachments, answers, recorders)
    service = _ServiceRoutes(models, access, metrics, drain)
    endpoints = {
        path: handler.answers(GuardedRoute(path, guarded.parse, id_headers=guarded.id_headers))
        for guarded in GUARDED
        for path in (guarded.path, *guarded.aliases)
    }
    checks = CheckHandler(settings, models, guard, access, bodies, recorders).answer
    app = FastAPI(
        title="Lethe",
        description="An OpenAI-compatible proxy that makes a served model not know chosen things.",
        openapi_tags=[{"name": name, "description": text} for name, text in _GROUPS.items()],
        responses=_ERRORS,
        docs_url=None,
        redoc_url=None,
        # A redirect would name the host that the client names.
        redirect_slashes=False,
        root_path=settings.root_path,
        exception_handlers={
            HTTPException: _http_error,
            APIError: _api_error,
            Exception: _unexpected_error,
        },
        middleware=[
            *_cross_origin(settings.cors_origins),
            Middleware(HeadAsGet),
            Middleware(StraightPosts, endpoints=endpoints | {CheckRequest.path: checks}),
        ],
    )
    keyed = [] if access.is_open else [Depends(_KEY), Depends(_ANTHROPIC_KEY)]

    for guarded in GUARDED:
        anthropic = error_form(guarded.path) is ANTHROPIC_ERRORS
        for path in (guarded.path, *guarded.aliases):
            app.router.add_api_route(
                path,
                endpoints[path],
                methods=["POST"],
                tags=[Scope.USE],
                dependencies=keyed,
                description=guarded.description,
                responses=_ANTHROPIC_ANSWERS if anthropic else _OPENAI_ANSWERS,
                openapi_extra=body_schema(guarded.Body),
                # What is said of a route need not be said of its other names.
                include_in_schema=path == guarded.path,
            )
    app.router.add_api_route(
        CheckRequest.path,
        checks,
        methods=["POST"],
        tags=[Scope.CHECK],
        dependencies=keyed,
        description=CheckRequest.description,
        responses={200: {"model": Check}},
        openapi_extra=body_schema(CheckRequest.Body),
    )
    for path, endpoint, shape in (
        ("/v1/models", service.models, ModelEntries),
        ("/v1/models/{model:path}", service.model, ModelEntry),
    ):
        app.get(path, tags=[Scope.USE], dependencies=keyed, response_model=shape)(endpoint)
    app.get("/health", tags=[OPEN], responses=_NAMED_ERRORS)(service.health)
    app.get("/ready", tags=[OPEN])(service.ready)
    page: dict[str, Any] = {"dependencies": keyed, "response_class": PlainTextResponse}
    app.get("/metrics", tags=[Scope.OBSERVE], **page)(service.metrics_page)
    app.get("/metrics/engine", tags=[Scope.OBSERVE], **page)(service.engine_metrics_page)
    admin = APIRouter(tags=[Scope.ADMIN], dependencies=keyed, responses=_ERRORS)
    add_admin_routes(admin, settings, models, guard, access, bodies, reload)
    ClientRoutes(settings, access, audit).add_to(admin)
    console = APIRouter(tags=[CONSOLE], dependencies=keyed, responses=_ERRORS)
    if settings.console.enabled:
        add_console_routes(
            console, settings, models, guard, placer, access, bodies, reload, metrics, audit, handler
        )
    # As they are: `include_router` would make every route once more.
    app.router.routes.extend([*admin.routes, *console.routes])
    return app


def _cross_origin(origins: Sequence[str]) -> list[Middleware]:
    """Let pages of these origins call: with whatever their clients send, and read all that is answered.

    Who a request is from, its key says; there are no cookies that a browser would add by itself.
    """
    if not origins:
        return []
    everything = ["*"]
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=everything,
            allow_headers=everything,
            allow_private_network=True,
            expose_headers=everything,
        ),
        # The framework's own stands outside of the other, where pages could not read what it answers.
        Middleware(ServerErrorMiddleware, handler=_unexpected_error),
    ]


class _ServiceRoutes:
    """What there is beside what the model is asked."""

    def __init__(self, models: Models, access: Access, metrics: Metrics, drain: Drain) -> None:
        self._models = models
        self._access = access
        self._metrics = metrics
        self._drain = drain

    async def models(self, request: Request) -> Response:
        """The base models, once for each of their names, as vLLM describes them; adapters are not shown."""
        cards = self._models.cards(self._access.identify(request.headers, Scope.USE))
        return JSONResponse({"object": "list", "data": [*cards.values()]})

    async def model(self, request: Request, model: str) -> Response:
        """A base model under one of its names, as vLLM describes it."""
        return JSONResponse(self._models.card(model, self._access.identify(request.headers, Scope.USE)))

    async def health(self) -> Alive:
        """Whether the proxy itself lives."""
        return Alive()

    async def ready(self) -> Ready:
        """Whether requests are answered, by one engine at least, and the proxy is not stopping; `503` otherwise."""
        if self._drain.begun:
            raise ServerStopping
        if self._models.ready:
            return Ready()
        raise self._models.unavailable()

    async def metrics_page(self, request: Request) -> Response:
        """The proxy's metrics, for Prometheus."""
        self._access.identify(request.headers, Scope.OBSERVE)
        return Response(generate_latest(self._metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def engine_metrics_page(self, request: Request) -> Response:
        """vLLM's own metrics, passed on, with the plugin's; of several engines with the label `engine`, of several
        models with `model` too."""
        self._access.identify(request.headers, Scope.OBSERVE)
        return Response(await self._models.metrics_text(), media_type=CONTENT_TYPE_LATEST)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    misdirected = Misdirected(error.status_code, f"{request.method} {request.url.path}: {error.detail}")
    response = error_form_of(request.scope).response(misdirected)
    if error.status_code == 405:
        response.headers["Allow"] = allowed_methods(request)
    return response


async def _api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, APIError)
    return error_form_of(request.scope).response(error)


async def _unexpected_error(request: Request, error: Exception) -> Response:
    return error_form_of(request.scope).response(ServerFailed())
