"""Bodies that come compressed: decoded piece by piece, and never to more than there is room for."""

import sys
import zlib
from collections.abc import Callable
from typing import Protocol

from lethe.server.errors import BadRequest, UnsupportedMediaType

# What a decoder of zstd must be able to hold (RFC 8878, 3.1.1.1.2); by more a client could have much memory taken.
_WINDOW_BITS = 23


class Decoder(Protocol):
    """Undoes a coding."""

    def decode(self, piece: bytes, most: int) -> bytes:
        """The next bytes, which a piece makes known; if they are as many as ``most``, there may be more."""
        ...

    def end(self) -> None:
        """No piece follows."""
        ...


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Identity:
    def decode(self, piece: bytes, most: int) -> bytes:
        return piece

    def end(self) -> None:
        pass


class _Compressed:
    def __init__(self, coding: str, decompressor: _Decompressor, error: type[Exception]) -> None:
        self._coding = coding
        self._decompressor = decompressor
        self._error = error

    def decode(self, piece: bytes, most: int) -> bytes:
        if self._decompressor.eof:
            if piece:
                raise self._goes_on()
            return b""
        try:
            decoded = self._decompressor.decompress(piece, most)
        except self._error:
            raise BadRequest(f"the body is not {self._coding}, though it says so") from None
        if self._decompressor.unused_data:
            raise self._goes_on()
        return decoded

    def end(self) -> None:
        if not self._decompressor.eof:
            raise BadRequest(f"the body ends before its {self._coding} data does")

    def _goes_on(self) -> BadRequest:
        return BadRequest(f"the body goes on after its {self._coding} data has ended")


def _gzip() -> Decoder:
    # So zlib is told to expect gzip's head.
    return _Compressed("gzip", zlib.decompressobj(16 + zlib.MAX_WBITS), zlib.error)


def _deflate() -> Decoder:
    return _Compressed("deflate", zlib.decompressobj(), zlib.error)


def _zstd() -> Decoder:
    # Few clients send it.
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _WINDOW_BITS}
    return _Compressed("zstd", zstd.ZstdDecompressor(options=options), zstd.ZstdError)


_DECODERS: dict[str, Callable[[], Decoder]] = {
    "identity": _Identity,
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "zstd": _zstd,
}


def decoder(coding: str) -> Decoder:
    """The decoder of a body's ``Content-Encoding``.

    Raises
    ------
    UnsupportedMediaType
        It is another than gzip, deflate and zstd.
    """
    make = _DECODERS.get(coding)
    if make is None:
        raise UnsupportedMediaType(
            f"the body may be compressed by gzip, deflate or zstd, but it is {coding}: send it as it is"
        )
    return make()
