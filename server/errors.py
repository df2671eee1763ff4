"""What goes wrong with a request or a start, each with what to do about it."""

from collections.abc import Iterable

from lethe.bundle.errors import LetheError


class OperatorError(LetheError):
    """The proxy cannot start or go on; the message is one line for the operator."""


_LONGEST_SHOWN = 200


def shortened(text: str, most: int = _LONGEST_SHOWN) -> str:
    """What a client sent, as much of it as is to be repeated or written down."""
    return text if len(text) <= most else f"{text[:most]}..."


class APIError(Exception):
    """An answer that says what is wrong; `lethe.server.error_forms` puts it in the form of the route.

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


class UnknownModel(NotFound):
    """No model that the client may ask for has this name; says what is served in its place."""

    def __init__(self, name: str, served: Iterable[str]) -> None:
        super().__init__(
            f"The model `{shortened(name)}` does not exist; served here: {', '.join(sorted(served)) or 'none for this key'}",
            param="model",
            code="model_not_found",
        )


class Misdirected(APIError):
    """No route takes the request: there is no such path, or not with this method."""

    type = "invalid_request_error"

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


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


class ServerFailed(APIError):
    """A fault of this server's own."""

    def __init__(self) -> None:
        super().__init__("The server failed; the request was not answered.")


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
