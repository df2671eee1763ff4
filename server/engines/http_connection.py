"""One connection of HTTP/1.1 that asks a server, and the answer that it carries. Knows nothing of other connections."""

import asyncio
from dataclasses import dataclass
from typing import Protocol, cast

import httptools

from lethe.bundle.errors import LetheError

# What of an answer waits to be taken before its server is slowed down.
_MOST_WAITING_BYTES = 256 << 10


class BrokenOff(LetheError):
    """The connection ended, or went on with what is no HTTP, before the answer had ended.

    Attributes
    ----------
    reused
        Whether it had carried other requests.
    by_reset
        Whether it was reset; otherwise it was closed.
    """

    def __init__(self, *, reused: bool, by_reset: bool = False) -> None:
        super().__init__("the connection broke off")
        self.reused = reused
        self.by_reset = by_reset


@dataclass(frozen=True)
class Waits:
    """How many seconds to wait: for a connection, for each next piece of an answer, and for all of it."""

    connect_s: float
    read_s: float
    total_s: float | None = None


class HttpAnswer:
    """The answer to one request.

    Attributes
    ----------
    status, headers
        Of its head, once it has `begun`; the headers by their names in small letters.
    """

    def __init__(self, connection: "Connection") -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._connection = connection
        self._pieces: list[bytes] = []
        self._begun = False
        self._complete = False
        self._error: BrokenOff | TimeoutError | None = None
        self._read: bytes | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def begun(self) -> None:
        """Wait for its head.

        Raises
        ------
        BrokenOff, TimeoutError
            It does not come.
        """
        while not self._begun:
            await self._next()

    async def read(self) -> bytes:
        """The whole body; also once more.

        Raises
        ------
        BrokenOff, TimeoutError
            It is not whole, or the next of it did not come in time.
        """
        if self._read is None:
            pieces = [piece async for piece in self]
            self._read = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        return self._read

    def __aiter__(self) -> "HttpAnswer":
        """The body as it comes, all that is there in one piece; see `read` for errors.

        A wait for a piece may be given up, and it be waited for again.
        """
        return self

    async def __anext__(self) -> bytes:
        while not self._pieces:
            if self._complete:
                raise StopAsyncIteration
            await self._next()
        taken = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        if not self._complete:
            self._connection.taken()
        return taken

    def close(self) -> None:
        """Let go of it; the connection ends if the answer has not."""
        if not self._complete:
            self._complete = True
            self._connection.end()

    @property
    def is_waited_for(self) -> bool:
        """Whether somebody waits for the next of it."""
        return self._waiter is not None

    async def _next(self) -> None:
        if self._error is not None:
            raise self._error
        self._waiter = self._connection.waiter()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # What follows is for the connection.

    def begin(self, status: int, headers: dict[str, str]) -> None:
        """Its head has come."""
        self.status, self.headers, self._begun = status, headers, True
        self._wake()

    def add(self, piece: bytes) -> None:
        """The next of its body has come."""
        self._pieces.append(piece)
        self._wake()

    def end(self) -> None:
        """All of it has come."""
        self._complete = True
        self._wake()

    def fail(self, error: BrokenOff | TimeoutError) -> None:
        """No more of it will come."""
        if not self._complete and self._error is None:
            self._error = error
            self._wake()


class Home(Protocol):
    """Who holds connections."""

    def keep(self, connection: "Connection") -> None:
        """Take back a connection whose answer has ended."""
        ...

    def drop(self, connection: "Connection") -> None:
        """Forget a connection that has ended; it may be told of more than once."""
        ...


class Connection(asyncio.Protocol):
    """One connection, that carries one request at a time.

    Attributes
    ----------
    is_open
        Whether it can carry another.
    idle_since
        When its last answer ended, by the event loop's clock.
    """

    def __init__(self, home: Home, waits: Waits) -> None:
        self._home = home
        self._waits = waits
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport
        self._answer: HttpAnswer | None = None
        self._waiting_since = self._asked_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._headers: dict[str, str] = {}
        self._waiting_bytes = 0
        self._asked = 0
        self._ends_with_connection = False
        self.is_open = False
        self.idle_since = 0.0

    def ask(self, request: bytes) -> HttpAnswer:
        """Send a request."""
        self._asked += 1
        self._asked_at = self._waiting_since = self._loop.time()
        self._waiting_bytes = 0
        answer = self._answer = HttpAnswer(self)
        if not self.is_open:
            answer.fail(BrokenOff(reused=self._asked > 1))
            return answer
        self._transport.write(request)
        if self._timer is None:
            self._timer = self._loop.call_at(self._due(), self._look)
        return answer

    def waiter(self) -> "asyncio.Future[None]":
        """What is waited for from now on.

        Raises
        ------
        TimeoutError
            All of the answer should be there by now.
        """
        self._waiting_since = self._loop.time()
        if self._waits.total_s is not None and self._waiting_since >= self._asked_at + self._waits.total_s:
            raise TimeoutError
        return self._loop.create_future()

    def taken(self) -> None:
        """Nothing of the answer waits any longer."""
        if self._waiting_bytes > _MOST_WAITING_BYTES and self.is_open:
            self._transport.resume_reading()
        self._waiting_bytes = 0

    def end(self) -> None:
        """End it, whatever it carries."""
        self._ends_with_connection = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.is_open:
            self.is_open = False
            self._transport.abort()
        self._home.drop(self)

    # The event loop's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        if self._answer is None:
            # Nobody has asked.
            self.end()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._break(by_reset=False)

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None and self._ends_with_connection:
            self._complete()
        self.is_open = False
        self._break(by_reset=exc is not None)

    # The parser's side.

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        status, headers, self._headers = self._parser.get_status_code(), self._headers, {}
        if self._answer is None:
            raise ValueError("an answer to nothing")
        if status < 200:
            # It only says that the answer will come (RFC 9110, 15.2).
            return
        framed = "content-length" in headers or "chunked" in headers.get("transfer-encoding", "")
        self._ends_with_connection = not framed and status not in (204, 304)
        self._answer.begin(status, headers)

    def on_body(self, body: bytes) -> None:
        assert self._answer is not None
        self._answer.add(body)
        before = self._waiting_bytes
        self._waiting_bytes = before + len(body)
        if before <= _MOST_WAITING_BYTES < self._waiting_bytes:
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        # Trailers say nothing that is passed on.
        self._headers.clear()
        if self._parser.get_status_code() >= 200:
            self._complete()

    def _complete(self) -> None:
        answer, self._answer = self._answer, None
        if answer is None:
            return
        answer.end()
        if self._waiting_bytes > _MOST_WAITING_BYTES and self.is_open:
            self._transport.resume_reading()
        if self.is_open and self._parser.should_keep_alive() and not self._ends_with_connection:
            self.idle_since = self._loop.time()
            self._home.keep(self)
        else:
            self.end()

    def _break(self, *, by_reset: bool) -> None:
        if self._answer is not None:
            self._answer.fail(BrokenOff(reused=self._asked > 1, by_reset=by_reset))
        self.end()

    # One timer that looks now and then costs less than one for each wait.

    def _due(self) -> float:
        due = self._waiting_since + self._waits.read_s
        return due if self._waits.total_s is None else min(due, self._asked_at + self._waits.total_s)

    def _look(self) -> None:
        self._timer = None
        if self._answer is None:
            return
        if not self._answer.is_waited_for:
            # Whoever asked has not taken what came.
            self._timer = self._loop.call_later(self._waits.read_s, self._look)
        elif self._loop.time() < self._due():
            self._timer = self._loop.call_at(self._due(), self._look)
        else:
            self._answer.fail(TimeoutError())
