"""HTTP/1.1 on a connection, bounded in size and time where uvicorn's own protocol is not.

A head is read before any code of ours sees the request, so its limits have to stand here.
"""

import asyncio
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from server.settings import LimitSettings


class _HeadTooLarge(Exception):
    pass


class _UpgradeRefused(Exception):
    pass


class _TrailerRefused(Exception):
    pass


_REASONS = {
    _HeadTooLarge: (431, "Request Header Fields Too Large", "the headers are larger than this server reads"),
    _UpgradeRefused: (400, "Bad Request", "this server speaks plain HTTP/1.1; do not ask for an upgrade"),
    _TrailerRefused: (400, "Bad Request", "headers after the body are not read"),
}
_MALFORMED = (400, "Bad Request", "this is not a well-formed HTTP request")


def bounded_protocol(limits: LimitSettings) -> type[asyncio.Protocol]:
    """The protocol class for uvicorn, with these limits."""

    class BoundedProtocol(_BoundedProtocol):
        max_head_bytes = limits.max_header_bytes
        head_timeout_s = limits.header_timeout_s

    return BoundedProtocol


class _BoundedProtocol(HttpToolsProtocol):
    max_head_bytes: int
    head_timeout_s: float

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._in_head = False
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._refusal = _MALFORMED

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # pyright: ignore[reportArgumentType]
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            # The parser keeps a header to itself until it is whole, however long it grows.
            self._head_bytes += len(data)
            if self._head_bytes > self.max_head_bytes and not self.transport.is_closing():
                self._refusal = _REASONS[_HeadTooLarge]
                self.send_400_response("")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = self._counted = 0
        if self._head_timer is None:
            self._start_head_timer()

    def on_url(self, url: bytes) -> None:
        self._count(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            self._refuse(_TrailerRefused)
        self._count(name, value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_head_timer()
        assert self.parser is not None
        if self.parser.should_upgrade():
            self._refuse(_UpgradeRefused)
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        status, phrase, reason = self._refusal
        error = {"message": reason, "type": "invalid_request_error", "param": None, "code": None}
        body = orjson.dumps({"error": error})
        head = (
            f"HTTP/1.1 {status} {phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _count(self, *parts: bytes) -> None:
        self._counted += sum(map(len, parts))
        if self._counted > self.max_head_bytes:
            self._refuse(_HeadTooLarge)

    def _refuse(self, why: type[Exception]) -> None:
        # An exception out of a callback ends the parsing, and uvicorn then sends its 400.
        self._refusal = _REASONS[why]
        raise why

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(self.head_timeout_s, self._head_overdue)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_overdue(self) -> None:
        self._head_timer = None
        self.transport.close()
