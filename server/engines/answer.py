"""An engine's answer, its head already read, and what is to be let go when it ends."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import orjson
from multidict import CIMultiDictProxy


class EngineAnswer:
    """The answer to one request.

    Attributes
    ----------
    status, headers
        Of its head.
    """

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self._renaming: Renaming | None = None
        self._at_close: list[Callable[[], None]] = []
        self.status = response.status
        self.headers: CIMultiDictProxy[str] = response.headers

    def rename(self, old: str, new: str) -> None:
        """Have one name stand for another wherever it occurs in the answer's JSON.

        Parameters
        ----------
        old
            Of letters, digits and dashes, which JSON writes as they are, and such that it occurs nowhere but
            where the engine put it.
        """
        self._renaming = Renaming(old, new)

    def at_close(self, callback: Callable[[], None]) -> None:
        """Have something called once, when the answer is closed."""
        self._at_close.append(callback)

    async def read(self) -> bytes:
        """The whole body.

        Raises
        ------
        aiohttp.ClientError, TimeoutError
            The engine broke off.
        """
        content = await self._response.read()
        return self._renaming.whole(content) if self._renaming else content

    async def json(self) -> Any:
        """The whole body, parsed; see `read` for errors, and ``orjson.JSONDecodeError``."""
        return orjson.loads(await self.read())

    def pieces(self) -> AsyncIterator[bytes]:
        """The body piece by piece, as it comes; see `read` for errors."""
        pieces = self._response.content.iter_any()
        return self._renaming.through(pieces) if self._renaming else pieces

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

    async def through(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Pieces as they come, but for an end that may be the beginning of the name."""
        held = b""
        async for piece in pieces:
            content = (held + piece).replace(self._old, self._new)
            lengths = range(len(self._old) - 1, 0, -1)
            length = next((n for n in lengths if content.endswith(self._old[:n])), 0)
            held = content[len(content) - length :]
            if ready := content[: len(content) - length]:
                yield ready
        if held:
            yield held
