"""An engine's answer, its head already read, and what is to be let go when it ends."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson

from lethe.server.engines.http_connection import HttpAnswer


class EngineAnswer:
    """The answer to one request.

    Attributes
    ----------
    status, headers
        Of its head; the headers by their names in small letters.
    """

    def __init__(self, response: HttpAnswer) -> None:
        self._response = response
        self._renaming: Renaming | None = None
        self._at_close: list[Callable[[], None]] = []
        self.status = response.status
        self.headers = response.headers

    def rename(self, old: str, new: str) -> None:
        """Have one name stand for another wherever it occurs in the answer's JSON.

        Parameters
        ----------
        old
            Of letters, digits and dashes, which JSON writes as they are, and such that it occurs nowhere but
            where the engine put it.
        """
        self._renaming = Renaming(old, new)

    @property
    def is_stream(self) -> bool:
        """Whether it comes as events."""
        return self.headers.get("content-type", "").startswith("text/event-stream")

    def at_close(self, callback: Callable[[], None]) -> None:
        """Have something called once, when the answer is closed."""
        self._at_close.append(callback)

    async def read(self) -> bytes:
        """The whole body.

        Raises
        ------
        BrokenOff, TimeoutError
            The engine broke off.
        """
        content = await self._response.read()
        return self._renaming.whole(content) if self._renaming else content

    async def json(self) -> Any:
        """The whole body, parsed; see `read` for errors, and ``orjson.JSONDecodeError``."""
        return orjson.loads(await self.read())

    def pieces(self) -> AsyncIterator[bytes]:
        """The body piece by piece, as it comes; see `read` for errors.

        A wait for the next piece may be given up, and it be waited for again.
        """
        return RenamedPieces(self._renaming, self._response) if self._renaming else self._response

    def close(self) -> None:
        """Let go of the connection, which makes the engine stop if it has not ended."""
        self._response.close()
        while self._at_close:
            self._at_close.pop()()


class Renaming:
    """Replaces a name in JSON whose pieces may end within it; see `EngineAnswer.rename`."""

    def __init__(self, old: str, new: str) -> None:
        self._old = old.encode()
        self._new = orjson.dumps(new)[1:-1]

    def whole(self, content: bytes) -> bytes:
        """All of it at once."""
        return content.replace(self._old, self._new)

    def ready(self, content: bytes) -> tuple[bytes, bytes]:
        """What can be said of content that goes on, and its end if that may be the beginning of the name."""
        renamed = self.whole(content)
        lengths = range(len(self._old) - 1, 0, -1)
        kept = next((n for n in lengths if renamed.endswith(self._old[:n])), 0)
        return renamed[: len(renamed) - kept], renamed[len(renamed) - kept :]


class RenamedPieces:
    """Pieces as they come, but for an end that may be the beginning of the name."""

    def __init__(self, renaming: Renaming, pieces: AsyncIterator[bytes]) -> None:
        self._renaming = renaming
        self._pieces = pieces
        self._held = b""

    def __aiter__(self) -> "RenamedPieces":
        return self

    async def __anext__(self) -> bytes:
        async for piece in self._pieces:
            ready, self._held = self._renaming.ready(self._held + piece)
            if ready:
                return ready
        last, self._held = self._held, b""
        if not last:
            raise StopAsyncIteration
        return last
