"""POST requests over HTTP/1.1, on connections that are kept: which one a request goes over.

No more of HTTP than an engine needs to be asked: no redirects, cookies, proxies or content codings. A request costs a
quarter of what it does by aiohttp, which asks everything else of engines. Knows nothing about engines.
"""

import asyncio
import socket
import ssl
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

import aiohappyeyeballs

from lethe.bundle.errors import LetheError
from lethe.server.engines.http_connection import Connection, HttpAnswer, Waits

# Until the other address of a name is tried too (RFC 8305, 5).
_NEXT_ADDRESS_S = 0.25
_FOR_HEADERS = str.maketrans("", "", "\r\n\0")


class NotConnected(LetheError):
    """No connection could be made, or not in time."""


@dataclass(frozen=True)
class _Origin:
    """Who is connected to."""

    host: str
    port: int
    encrypted: bool


@lru_cache(256)
def _parsed(url: str) -> tuple[_Origin, bytes]:
    """Who is asked at an address, and how the head of a request begins."""
    address = urlsplit(url)
    encrypted = address.scheme == "https"
    try:
        origin = _Origin(address.hostname or "", address.port or (443 if encrypted else 80), encrypted)
    except ValueError:
        raise NotConnected(f"{url} is no address") from None
    if not origin.host:
        raise NotConnected(f"{url} is no address")
    line = f"POST {address.path or '/'} HTTP/1.1\r\n"
    return origin, line.encode() + _lines({"Host": address.netloc.rpartition("@")[2]})


class HttpClient:
    """Asks servers; must be made inside the event loop.

    Parameters
    ----------
    headers
        Sent with every request.
    keep_s
        For how long a connection is kept that nobody uses.
    """

    def __init__(self, headers: Mapping[str, str], waits: Waits, keep_s: float) -> None:
        self._lines = _lines(headers)
        self._waits = waits
        self._keep_s = keep_s
        self._loop = asyncio.get_running_loop()
        self._idle: dict[_Origin, deque[Connection]] = defaultdict(deque)
        self._origins: dict[Connection, _Origin] = {}
        self._sweep: asyncio.TimerHandle | None = None

    async def post(
        self, url: str, content: bytes, headers: Mapping[str, str], *, anew: bool = False
    ) -> HttpAnswer:
        """Send a request; its answer, once the head of it is there. Whoever gets it must close it.

        Parameters
        ----------
        anew
            Whether it must go over a new connection.

        Raises
        ------
        NotConnected, BrokenOff
            As they say.
        TimeoutError
            The answer did not begin in time.
        """
        origin, head = _parsed(url)
        connection = None if anew else self._kept(origin)
        if connection is None:
            connection = await self._connect(origin)
        lines = b"%b%bContent-Length: %d\r\n%b\r\n" % (head, self._lines, len(content), _lines(headers))
        answer = connection.ask(lines + content)
        try:
            await answer.begun()
        except BaseException:
            answer.close()
            raise
        return answer

    def close(self) -> None:
        """End every connection, also those that carry answers."""
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in [*self._origins]:
            connection.end()

    def keep(self, connection: Connection) -> None:
        """See `lethe.server.engines.http_connection.Home.keep`."""
        self._idle[self._origins[connection]].append(connection)
        if self._sweep is None:
            self._sweep = self._loop.call_later(self._keep_s, self._end_unused)

    def drop(self, connection: Connection) -> None:
        """See `lethe.server.engines.http_connection.Home.drop`."""
        origin = self._origins.pop(connection, None)
        if origin is not None and connection in (idle := self._idle[origin]):
            idle.remove(connection)

    def _kept(self, origin: _Origin) -> Connection | None:
        idle = self._idle[origin]
        while idle:
            # The one that was used last: the others may soon be given up.
            connection = idle.pop()
            if connection.is_open and self._loop.time() - connection.idle_since < self._keep_s:
                return connection
            connection.end()
        return None

    def _end_unused(self) -> None:
        now = self._loop.time()
        for idle in self._idle.values():
            while idle and now - idle[0].idle_since >= self._keep_s:
                idle.popleft().end()
        oldest = [idle[0].idle_since for idle in self._idle.values() if idle]
        left = self._keep_s - (now - min(oldest)) if oldest else 0
        self._sweep = self._loop.call_later(left, self._end_unused) if oldest else None

    async def _connect(self, origin: _Origin) -> Connection:
        try:
            async with asyncio.timeout(self._waits.connect_s):
                found = await self._loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
                carrier = await aiohappyeyeballs.start_connection(
                    found, happy_eyeballs_delay=_NEXT_ADDRESS_S, loop=self._loop
                )
                _, connection = await self._loop.create_connection(
                    lambda: Connection(self, self._waits),
                    sock=carrier,
                    ssl=ssl.create_default_context() if origin.encrypted else None,
                    server_hostname=origin.host if origin.encrypted else None,
                )
        except OSError as error:
            raise NotConnected(f"no connection to {origin.host}:{origin.port}: {error}") from None
        self._origins[connection] = origin
        return connection


def _lines(headers: Mapping[str, str]) -> bytes:
    """Headers as they are sent; what would end a line is left out of their values."""
    return "".join(f"{name}: {value.translate(_FOR_HEADERS)}\r\n" for name, value in headers.items()).encode()
