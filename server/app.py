"""The HTTP surface: its routes, and the shape of every error."""

import time
from collections.abc import Callable
from typing import Any

import orjson
import pydantic
from fastapi import FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import Response
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.routing import request_response

from server import embeddings_request, responses_request
from server.admin import admin_routes
from server.completions import Completions
from server.components import Components
from server.console import console_routes
from server.errors import APIError, error_response
from server.keys import Scope
from server.requests import (
    CHAT,
    COMPLETION,
    ChatCompletionBody,
    CompletionBody,
    parse_chat_completion,
    parse_completion,
)


def create_app(components: Components) -> FastAPI:
    """The proxy as an ASGI application."""
    app = FastAPI(
        title="Lethe",
        description="An OpenAI-compatible proxy that makes a served model not know chosen things.",
        docs_url=None,
        redoc_url=None,
        # A redirect would name the host that the client names.
        redirect_slashes=False,
        exception_handlers={
            HTTPException: _http_error,
            APIError: _api_error,
            Exception: _unexpected_error,
        },
    )
    if components.settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=components.settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
        )
    completions, surroundings = Completions(components), _Surroundings(components)

    for path, parse, body in (
        (CHAT, parse_chat_completion, ChatCompletionBody),
        (COMPLETION, parse_completion, CompletionBody),
        (responses_request.ENDPOINT, responses_request.parse_responses, responses_request.ResponsesBody),
        (embeddings_request.ENDPOINT, embeddings_request.parse_embeddings, embeddings_request.EmbeddingsBody),
    ):
        app.router.add_api_route(
            path,
            completions.route(path, parse),
            methods=["POST"],
            openapi_extra=_body_schema(body),
            route_class_override=_RawRoute,
        )
    app.get("/v1/models")(surroundings.models)
    app.get("/health")(surroundings.health)
    app.get("/ready")(surroundings.ready)
    app.get("/metrics")(surroundings.metrics_page)
    app.get("/metrics/engine")(surroundings.engine_metrics_page)
    app.include_router(admin_routes(components))
    if components.settings.console.enabled:
        app.include_router(console_routes(components, completions))
    return app


class _RawRoute(APIRoute):
    """A documented route whose endpoint takes the bare request.

    Without FastAPI's own handling of parameters and responses, none of which these endpoints use, a request
    costs a fifth less.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.app = request_response(endpoint)


class _Surroundings:
    """What there is beside completions."""

    def __init__(self, components: Components) -> None:
        self._engine = components.engine
        self._access = components.access
        self._metrics = components.metrics
        self._started = int(time.time())

    async def models(self, request: Request) -> dict[str, Any]:
        """The base model's names; adapters are not shown."""
        self._access.identify(request.headers, Scope.USE)
        served = [
            {"id": name, "object": "model", "created": self._started, "owned_by": "lethe"}
            for name in sorted(self._engine.model_names)
        ]
        return {"object": "list", "data": served}

    async def health(self) -> dict[str, str]:
        """Whether the proxy itself lives."""
        return {"status": "ok"}

    async def ready(self) -> Response:
        """Whether requests would be answered."""
        if self._engine.ready:
            return Response(orjson.dumps({"status": "ready"}), media_type="application/json")
        return self._engine.unavailable().response()

    async def metrics_page(self, request: Request) -> Response:
        """The proxy's metrics."""
        self._access.identify(request.headers, Scope.OBSERVE)
        return Response(generate_latest(self._metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def engine_metrics_page(self, request: Request) -> Response:
        """vLLM's own metrics, passed on."""
        self._access.identify(request.headers, Scope.OBSERVE)
        return Response(await self._engine.metrics_text(), media_type=CONTENT_TYPE_LATEST)


def _body_schema(shape: type[pydantic.BaseModel]) -> dict[str, Any]:
    schema = shape.model_json_schema(ref_template="#/components/schemas/{model}")
    # OpenAPI keeps definitions elsewhere; inlining them leaves each route's schema whole by itself.
    definitions = schema.pop("$defs", {})
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _inline(schema, definitions)}},
        }
    }


def _inline(schema: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _inline(definitions[schema["$ref"].rpartition("/")[2]], definitions)
        return {key: _inline(value, definitions) for key, value in schema.items()}
    if isinstance(schema, list):
        return [_inline(item, definitions) for item in schema]
    return schema


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return error_response(
        error.status_code,
        f"{request.method} {request.url.path}: {error.detail}",
        type="invalid_request_error",
    )


async def _api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, APIError)
    return error.response()


async def _unexpected_error(request: Request, error: Exception) -> Response:
    return error_response(500, "The server failed; the request was not answered.", type="server_error")
