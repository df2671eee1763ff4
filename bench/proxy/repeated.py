"""One request after another on a connection, each sent when the one before it was answered."""

import asyncio
import time
from typing import cast


class RepeatedRequest(asyncio.Protocol):
    """A connection that carries a request again and again, until a deadline.

    Parameters
    ----------
    request
        As it goes over the wire; see `post_request`.
    deadline
        When no further one is begun, by ``time.perf_counter``.

    Attributes
    ----------
    finished
        Done when the last was answered; has the error if the connection ended before, or `fail` was called.
    received
        What has come since the request was sent, as far as who reads it keeps it.
    """

    def __init__(self, request: bytes, deadline: float) -> None:
        self._request = request
        self._deadline = deadline
        self.finished = asyncio.get_running_loop().create_future()
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.begin()

    def connection_lost(self, exc: Exception | None) -> None:
        self.fail(exc or ConnectionError("the connection was closed"))

    def begin(self) -> None:
        """Send the request."""
        self.received = b""
        self._transport.write(self._request)

    def answered(self) -> None:
        """It was answered: the next begins, unless time is up."""
        if time.perf_counter() < self._deadline:
            self.begin()
        elif not self.finished.done():
            self.finished.set_result(None)

    def fail(self, error: Exception) -> None:
        """Nothing more is to be expected."""
        if not self.finished.done():
            self.finished.set_exception(error)


def post_request(path: str, body: bytes, key: str | None = None) -> bytes:
    """A whole request as it goes over the wire; a key goes as a bearer token."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    if key:
        head += f"Authorization: Bearer {key}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
