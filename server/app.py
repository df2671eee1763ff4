"""The HTTP surface: routes, and the way of a request from its bytes to the record of its end."""

import time
from collections.abc import Callable
from typing import Any

import orjson
import pydantic
from fastapi import FastAPI, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import request_response

from server.decision import Decision, Outcome
from server.errors import APIError, BadRequest, EngineFailed, Unavailable, error_response
from server.guard import Guard
from server.metrics import Metrics
from server.placement import Placer
from server.refusal import refusal_response
from server.relay import ClientGone, StreamedResponse, StreamEnd, buffered, cancelled_on_disconnect
from server.requests import (
    ChatCompletionBody,
    CompletionBody,
    ParsedRequest,
    parse_chat_completion,
    parse_completion,
    read_body,
)
from server.rewrite import rewrite
from server.scrub import scrub
from server.settings import Settings
from server.upstream import EngineClient

_CLIENT_CLOSED_REQUEST = 499
_BLOCKED = "This request could not be checked and is not answered: "


def create_app(
    settings: Settings, engine: EngineClient, guard: Guard, placer: Placer, metrics: Metrics
) -> FastAPI:
    """The proxy as an ASGI application.

    Parameters
    ----------
    engine
        The engine behind it, opened by whoever serves the application.
    guard
        The targets in force, loaded likewise.
    placer
        Knows where in a prompt corruptions fall.
    """
    app = FastAPI(
        title="Lethe",
        description="An OpenAI-compatible proxy that makes a served model not know chosen things.",
        docs_url=None,
        redoc_url=None,
        exception_handlers={HTTPException: _http_error, Exception: _unexpected_error},
    )
    surface = _Surface(settings, engine, guard, placer, metrics)

    async def chat_completions(request: Request) -> Response:
        return await surface.complete(request, "/v1/chat/completions", parse_chat_completion)

    async def completions(request: Request) -> Response:
        return await surface.complete(request, "/v1/completions", parse_completion)

    for path, endpoint, body in (
        ("/v1/chat/completions", chat_completions, ChatCompletionBody),
        ("/v1/completions", completions, CompletionBody),
    ):
        app.router.add_api_route(
            path,
            endpoint,
            methods=["POST"],
            openapi_extra=_body_schema(body),
            route_class_override=_RawRoute,
        )
    app.get("/v1/models")(surface.models)
    app.get("/health")(surface.health)
    app.get("/ready")(surface.ready)
    app.get("/metrics")(surface.metrics_page)
    app.get("/metrics/engine")(surface.engine_metrics_page)
    return app


class _RawRoute(APIRoute):
    """A documented route whose endpoint takes the bare request.

    Without FastAPI's own handling of parameters and responses, none of which these endpoints use, a request
    costs a fifth less.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.app = request_response(endpoint)


class _Surface:
    """What the routes answer with."""

    def __init__(
        self, settings: Settings, engine: EngineClient, guard: Guard, placer: Placer, metrics: Metrics
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._guard = guard
        self._placer = placer
        self._metrics = metrics
        self._started = int(time.time())

    async def complete(
        self, request: Request, endpoint: str, parse: Callable[[bytes], ParsedRequest]
    ) -> Response:
        """Answer a completion request, recording it whatever becomes of it."""
        record = _Record(self._metrics, endpoint)
        try:
            raw = await read_body(request, self._settings.max_body_bytes)
            async with cancelled_on_disconnect(request.receive):
                return await self._guarded(parse(raw), record)
        except (ClientGone, ClientDisconnect):
            record.disconnected()
            return Response(status_code=_CLIENT_CLOSED_REQUEST)
        except APIError as error:
            record.finished(error.status)
            return error.response()

    async def _guarded(self, parsed: ParsedRequest, record: "_Record") -> Response:
        if not self._engine.ready:
            raise self._engine.unavailable()
        parsed = scrub(parsed, self._engine.model_names)
        decoded = [await self._engine.detokenize(ids) for ids in parsed.token_id_prompts()]
        decision = await self._guard.decide(parsed.conversations(decoded))
        record.decision = decision
        if decision.outcome is Outcome.BLOCK:
            raise _blocked(decision)
        if decision.outcome is Outcome.REFUSE:
            model = next(iter(self._engine.model_names), "")
            record.finished(200)
            return refusal_response(parsed, model, self._settings.policy.refusal)
        corruption = None
        if decision.outcome is Outcome.CORRUPT:
            corruption = await self._placer.place(parsed, decision)
        sent = time.perf_counter()
        upstream = await self._engine.post(parsed.endpoint, rewrite(parsed, corruption))
        self._metrics.record_first_byte(parsed.endpoint, time.perf_counter() - sent)
        if upstream.headers.get("Content-Type", "").startswith("text/event-stream"):
            return StreamedResponse(upstream, record.stream_ended(upstream.status))
        response = await buffered(upstream)
        record.finished(upstream.status)
        return response

    async def models(self) -> dict[str, Any]:
        """The base model's names; adapters are not shown."""
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

    async def metrics_page(self) -> Response:
        """The proxy's metrics."""
        return Response(generate_latest(self._metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def engine_metrics_page(self) -> Response:
        """vLLM's own metrics, passed on."""
        try:
            return Response(await self._engine.metrics_text(), media_type=CONTENT_TYPE_LATEST)
        except APIError as error:
            return error.response()


class _Record:
    """What is written down of one request, once."""

    def __init__(self, metrics: Metrics, endpoint: str) -> None:
        self.decision: Decision | None = None
        self._metrics = metrics
        self._endpoint = endpoint
        self._started = time.perf_counter()
        metrics.in_flight.inc()

    def finished(self, status: int) -> None:
        self._metrics.in_flight.dec()
        seconds = time.perf_counter() - self._started
        self._metrics.record_request(self._endpoint, self.decision, status, seconds)

    def disconnected(self) -> None:
        self._metrics.client_disconnects.inc()
        self.finished(_CLIENT_CLOSED_REQUEST)

    def stream_ended(self, status: int) -> Callable[[StreamEnd], None]:
        def record(end: StreamEnd) -> None:
            if end is StreamEnd.CLIENT_GONE:
                self.disconnected()
            else:
                self.finished(status if end is StreamEnd.COMPLETE else EngineFailed.status)

        return record


def _blocked(decision: Decision) -> APIError:
    if decision.verdicts:
        return BadRequest(f"{_BLOCKED}{decision.reason}.", code="unclassifiable")
    return Unavailable(f"{_BLOCKED}{decision.reason}.", retry_after_s=1)


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


async def _unexpected_error(request: Request, error: Exception) -> Response:
    return error_response(500, "The server failed; the request was not answered.", type="server_error")
