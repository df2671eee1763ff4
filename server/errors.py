"""What goes wrong with a request or a start, each with what to do about it."""

from typing import Any

import orjson
from fastapi.responses import Response

from lethe.bundle.errors import LetheError


class OperatorError(LetheError):
    """The proxy cannot start or go on; the message is one line for the operator."""


class APIError(Exception):
    """An answer in OpenAI's error shape.

    Attributes
    ----------
    status
        HTTP status.
    type, code, param
        As in OpenAI's error object.
    retry_after_s
        Seconds after which to try again, where trying again may help.
    """

    status = 500
    type = "server_error"

    def __init__(
        self,
        message: str,
        *,
        type: str | None = None,
        code: str | int | None = None,
        param: str | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.type = type or self.type
        self.code = code
        self.param = param
        self.retry_after_s = retry_after_s

    def response(self) -> Response:
        return error_response(
            self.status,
            self.message,
            type=self.type,
            code=self.code,
            param=self.param,
            retry_after_s=self.retry_after_s,
        )


class BadRequest(APIError):
    """The request cannot be understood or asks for what a client may not set."""

    status = 400
    type = "invalid_request_error"


class Unauthorized(APIError):
    """The request bears no valid key."""

    status = 401
    type = "invalid_request_error"


class Forbidden(APIError):
    """The key does not have the scope that this needs."""

    status = 403
    type = "invalid_request_error"


class NotFound(APIError):
    """The model, or the route, is not served here."""

    status = 404
    type = "invalid_request_error"


class RequestTimeout(APIError):
    """The client took too long to send its request."""

    status = 408
    type = "invalid_request_error"


class Conflict(APIError):
    """What is on disk does not allow what was asked."""

    status = 409
    type = "invalid_request_error"


class PayloadTooLarge(APIError):
    """The body is over the limit."""

    status = 413
    type = "invalid_request_error"


class UnsupportedMediaType(APIError):
    """The body is not plain JSON."""

    status = 415
    type = "invalid_request_error"


class TooManyRequests(APIError):
    """The key has used up what it may."""

    status = 429
    type = "rate_limit_error"


class EngineFailed(APIError):
    """The engine failed, broke off, or answered what is no answer."""

    status = 502
    type = "server_error"


class Unavailable(APIError):
    """The proxy cannot answer now, and would rather not than answer unguarded."""

    status = 503
    type = "server_error"


class EngineNotReached(Unavailable):
    """The engine got nothing of the request, so another may be asked."""


class ServerStopping(Unavailable):
    """The proxy is stopping."""

    def __init__(self) -> None:
        super().__init__("The server is stopping.", retry_after_s=1)


class EngineTimeout(APIError):
    """The engine did not answer in time."""

    status = 504
    type = "server_error"


def error_response(
    status: int,
    message: str,
    *,
    type: str,
    code: str | int | None = None,
    param: str | None = None,
    retry_after_s: int | None = None,
) -> Response:
    """An HTTP response in OpenAI's error shape."""
    error: dict[str, Any] = {"message": message, "type": type, "param": param, "code": code}
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(orjson.dumps({"error": error}), status, headers=headers, media_type="application/json")
