"""Bodies that come compressed: decoded piece by piece, and never to more than there is room for."""

import zlib
from typing import Protocol

from lethe.server.errors import BadRequest, UnsupportedMediaType

# By how zlib is told which head to expect.
_CODINGS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class Decoder(Protocol):
    """Undoes a coding."""

    def decode(self, piece: bytes, most: int) -> bytes:
        """The next bytes, which a piece makes known; if they are as many as ``most``, there may be more."""
        ...

    def end(self) -> None:
        """No piece follows."""
        ...


class _Identity:
    def decode(self, piece: bytes, most: int) -> bytes:
        return piece

    def end(self) -> None:
        pass


class _Compressed:
    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._decompressor = zlib.decompressobj(_CODINGS[coding])

    def decode(self, piece: bytes, most: int) -> bytes:
        try:
            decoded = self._decompressor.decompress(piece, most)
        except zlib.error:
            raise BadRequest(f"the body is not {self._coding}, though it says so") from None
        if self._decompressor.unused_data:
            raise BadRequest(f"the body goes on after its {self._coding} data has ended")
        return decoded

    def end(self) -> None:
        if not self._decompressor.eof:
            raise BadRequest(f"the body ends before its {self._coding} data does")


def decoder(coding: str) -> Decoder:
    """The decoder of a body's ``Content-Encoding``.

    Raises
    ------
    UnsupportedMediaType
        It is another than gzip and deflate.
    """
    if coding == "identity":
        return _Identity()
    if coding not in _CODINGS:
        raise UnsupportedMediaType(
            f"the body may be compressed by {' or '.join(_CODINGS)}, but it is {coding}: send it as it is"
        )
    return _Compressed(coding)
