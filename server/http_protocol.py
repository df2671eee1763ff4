"""HTTP/1.1 on a connection, bounded in size and time where uvicorn's own protocol is not.

A head is read before any code of ours sees the request, so its limits have to stand here.
"""

import asyncio
import socket
from collections import deque
from typing import Any

import httptools
import orjson
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from lethe.server.connections import Connections
from lethe.server.drain import Drain
from lethe.server.settings.connections import LimitSettings

# How many requests may wait on a connection for the answer to the one before them.
_MOST_WAITING = 16
# Linux has it.
_USER_TIMEOUT: int | None = getattr(socket, "TCP_USER_TIMEOUT", None)
_LONGEST_TIMEOUT_MS = 2**31 - 1


class _HeadTooLarge(Exception):
    pass


class _TunnelRefused(Exception):
    pass


class _NoSingleHost(Exception):
    pass


class _HeardEnough(Exception):
    pass


class _NoRoom(Exception):
    pass


_REASONS = {
    _NoRoom: (503, "Service Unavailable", "all connections that this server may have carry requests"),
    _HeadTooLarge: (431, "Request Header Fields Too Large", "the headers are larger than this server reads"),
    _TunnelRefused: (400, "Bad Request", "this server makes no tunnels; do not send CONNECT"),
    _NoSingleHost: (
        400,
        "Bad Request",
        "a request of HTTP/1.1 must have a Host header, and no more than one",
    ),
}
_MALFORMED = (
    400,
    "Bad Request",
    "this is not a well-formed request of HTTP/1.1, which is what this server speaks",
)


def bounded_protocol(limits: LimitSettings, drain: Drain, connections: Connections) -> type[asyncio.Protocol]:
    """The protocol class for uvicorn, with these limits, whose connections end with an answer once `drain` has begun."""

    class BoundedProtocol(_BoundedProtocol):
        max_head_bytes = limits.max_header_bytes
        head_timeout_s = limits.header_timeout_s
        keep_alive_s = limits.keep_alive_s
        stall_timeout_s = limits.stall_timeout_s
        proxy_drain = drain
        all_connections = connections

    return BoundedProtocol


class _BoundedProtocol(HttpToolsProtocol):
    max_head_bytes: int
    head_timeout_s: float
    keep_alive_s: float
    stall_timeout_s: float
    proxy_drain: Drain
    all_connections: Connections

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.timeout_keep_alive = self.keep_alive_s
        self._in_head = False
        self._undelivered_bytes = 0
        self._without_offer: bytes | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._refusal = _MALFORMED
        # In their order; the one before all others is being answered.
        self._unanswered: deque[RequestResponseCycle] = deque()
        self._is_deaf = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # pyright: ignore[reportArgumentType]
        self._give_up_stalled(transport)
        if not self.all_connections.opened(self):
            self._is_deaf = True
            self._refusal = _REASONS[_NoRoom]
            self.send_400_response("")
            return
        # Balancers open connections before they have requests for them.
        self._wait_for_a_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self.all_connections.closed(self)
        self._stop_head_timer()
        self._unset_keepalive_if_required()
        for cycle in self._unanswered:
            cycle.disconnected = not cycle.response_complete
            cycle.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if self._is_deaf:
            return
        self._undelivered_bytes += len(data)
        try:
            self._parse(memoryview(data))
        except httptools.HttpParserError:
            if not self._is_deaf:
                self.send_400_response("")
            return
        # The parser keeps a header or trailer to itself until it is whole, however long it grows.
        if self._undelivered_bytes > self.max_head_bytes and not self.transport.is_closing():
            self._refusal = _REASONS[_HeadTooLarge]
            self.send_400_response("")
        elif self._head_timer is None and (self.cycle is None or self.cycle.response_complete):
            self._wait_for_a_request()

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= _MOST_WAITING:
            self._hear_no_more()
        super().on_message_begin()
        self._in_head = True
        self._undelivered_bytes = self._counted = 0
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_timeout_s, self._head_overdue)

    def on_url(self, url: bytes) -> None:
        self._count(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(name, value)
        # What follows the body may be left unread (RFC 9110, 6.5.1), and a key or a length there must be.
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        assert self.parser is not None
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                self._refuse(_TunnelRefused)
            self._without_offer = self._head_without_offer()
            return
        if not self._names_one_host():
            self._refuse(_NoSingleHost)
        self._in_head = False
        self._undelivered_bytes = 0
        self._stop_head_timer()
        super().on_headers_complete()
        assert self.cycle is not None
        self._unanswered.append(self.cycle)
        self.all_connections.asked(self)
        if self.pipeline and not self.transport.is_closing():
            # Who does not read does not notice that a client goes.
            self.flow.resume_reading()
        if self.expect_100_continue or self.parser.get_http_version() == "1.0":
            self.cycle.send = _Framed(self.cycle)
        if self.proxy_drain.begun:
            self.end_with_answer()

    def make_room(self) -> None:
        """End the connection, which carries no request; what was answered before may still be on its way."""
        if self.transport.get_write_buffer_size():
            self.transport.close()
        else:
            # At once, though it be encrypted and its client not say that it has heard of the end.
            self.transport.abort()

    def end_with_answer(self) -> None:
        """Have the client told to send no more on this connection, where it has not been answered yet."""
        if self.cycle is not None and not self.cycle.response_started:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._undelivered_bytes = 0
        super().on_body(body)
        if self.pipeline and len(self.cycle.body) > HIGH_WATER_LIMIT:
            self.pipeline.popleft()
            self._unanswered.pop()
            self.cycle = self._unanswered[-1]
            self.flow.resume_reading()
            self._hear_no_more()

    def on_message_complete(self) -> None:
        if self._without_offer is None:
            self._undelivered_bytes = 0
            super().on_message_complete()

    def on_response_complete(self) -> None:
        self._unanswered.popleft()
        if not self._unanswered:
            self.all_connections.answered(self)
        super().on_response_complete()

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
        # An exception out of a callback ends the parsing.
        self._refusal = _REASONS[why]
        raise why

    def _hear_no_more(self) -> None:
        """Answer what has been heard so far and close then, as a client that sends on must expect (RFC 9112, 9.3.2)."""
        self._is_deaf = True
        self._unanswered[-1].keep_alive = False
        raise _HeardEnough

    def _give_up_stalled(self, transport: asyncio.BaseTransport) -> None:
        """Have the system end the connection if its client takes nothing for too long of what waits for it.

        What is written whole is out of our hands, below TLS altogether, and to close a connection waits until all is taken.
        """
        carrier = transport.get_extra_info("socket")
        if _USER_TIMEOUT is not None and carrier.family in (socket.AF_INET, socket.AF_INET6):
            milliseconds = min(max(int(1000 * self.stall_timeout_s), 1), _LONGEST_TIMEOUT_MS)
            carrier.setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT, milliseconds)

    def _parse(self, data: memoryview) -> None:
        """Parse as HTTP/1.1, whatever else is offered: an offer may be ignored (RFC 9110, 7.8).

        The parser takes what follows the head of an offer for the other protocol, be it a body. So such a head is
        parsed once more as if nothing had been offered, and what follows is what that head says.
        """
        assert self.parser is not None
        while True:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as offer:
                assert self._without_offer is not None
                data = data[offer.args[0] :]
                head, self._without_offer = self._without_offer, None
                # In place of one that has stopped.
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
                self.parser.feed_data(head)

    def _names_one_host(self) -> bool:
        """Whether a request says which host it is meant for, as one of HTTP/1.1 must (RFC 9112, 3.2)."""
        assert self.parser is not None
        hosts = sum(name == b"host" for name, _ in self.headers)
        return hosts == 1 or (hosts == 0 and self.parser.get_http_version() == "1.0")

    def _head_without_offer(self) -> bytes:
        assert self.parser is not None
        version = self.parser.get_http_version().encode()
        lines = [self.parser.get_method() + b" " + self.url + b" HTTP/" + version]
        lines += [name + b": " + value for name, value in self.headers if name != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])

    def _wait_for_a_request(self) -> None:
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_overdue(self) -> None:
        self._head_timer = None
        self.transport.close()


class _Framed:
    """Sends an answer as its client can tell where it ends, where the server below would not."""

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._send = cycle.send
        self._is_old = cycle.scope["http_version"] == "1.0"
        self._ends_with_connection = False

    async def __call__(self, message: Any) -> None:
        cycle = self._cycle
        if message["type"] == "http.response.start":
            if cycle.waiting_for_100_continue:
                # A client that was not told to go on may send its body all the same, or the next request.
                cycle.keep_alive = False
            names = {name.lower() for name, _ in message.get("headers", ())}
            if self._is_old and b"content-length" not in names:
                # There are no chunks in HTTP/1.0 (RFC 9112, 7.1).
                cycle.chunked_encoding = False
                self._ends_with_connection = True
        elif self._ends_with_connection:
            cycle.expected_content_length = len(message.get("body", b""))
        await self._send(message)
