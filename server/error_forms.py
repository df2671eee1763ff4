"""The forms that errors are answered in: Anthropic's on the routes that are Anthropic's, OpenAI's on all others."""

from typing import Any, Protocol

import orjson
from fastapi.responses import Response
from starlette.types import Scope

from lethe.server.errors import APIError

_ANTHROPIC_PATH = "/v1/messages"
_OVERLOADED = 529
_ANTHROPIC_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    _OVERLOADED: "overloaded_error",
}


class ErrorForm(Protocol):
    """A form that errors are answered in."""

    def response(self, error: APIError) -> Response:
        """The whole answer."""
        ...

    def event(self, error: APIError) -> bytes:
        """The last event of a stream that has begun."""
        ...


class OpenAIErrors:
    """``{"error": {"message", "type", "param", "code"}}``."""

    def response(self, error: APIError) -> Response:
        """See `ErrorForm.response`."""
        return Response(_openai(error), error.status, headers=_headers(error), media_type="application/json")

    def event(self, error: APIError) -> bytes:
        """See `ErrorForm.event`."""
        # What was passed on may end within a line, which must not swallow the event.
        return b"\n\ndata: " + _openai(error) + b"\n\n"


class AnthropicErrors:
    """``{"type": "error", "error": {"type", "message"}}``; the code, where there is one, in the error's ``details``.

    An overload has a status of its own, 529.
    """

    def response(self, error: APIError) -> Response:
        """See `ErrorForm.response`."""
        return Response(
            _anthropic(error),
            _anthropic_status(error),
            headers=_headers(error),
            media_type="application/json",
        )

    def event(self, error: APIError) -> bytes:
        """See `ErrorForm.event`."""
        return b"\n\nevent: error\ndata: " + _anthropic(error) + b"\n\n"


OPENAI_ERRORS = OpenAIErrors()
ANTHROPIC_ERRORS = AnthropicErrors()


def error_form(path: str) -> ErrorForm:
    """The form in which a path's clients expect errors, whether or not there is such a route."""
    return ANTHROPIC_ERRORS if f"{path}/".startswith(f"{_ANTHROPIC_PATH}/") else OPENAI_ERRORS


def error_form_of(scope: Scope) -> ErrorForm:
    """`error_form` of a request, whose path may begin with what stands before all of the proxy's."""
    return error_form(scope["path"].removeprefix(scope.get("root_path", "")))


def _openai(error: APIError) -> bytes:
    fields = {"message": error.message, "type": error.type, "param": error.param, "code": error.code}
    return orjson.dumps({"error": fields})


def _anthropic(error: APIError) -> bytes:
    status = _anthropic_status(error)
    kind = _ANTHROPIC_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    fields: dict[str, Any] = {"type": kind, "message": error.message}
    if isinstance(error.code, str):
        fields["details"] = {"error_code": error.code}
    return orjson.dumps({"type": "error", "error": fields})


def _anthropic_status(error: APIError) -> int:
    return _OVERLOADED if error.code == "overloaded" else error.status


def _headers(error: APIError) -> dict[str, str]:
    headers = {} if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return headers
