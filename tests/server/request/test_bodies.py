"""A body is read within its bounds and those of all together, and what it took of these is given back, whatever comes."""

import asyncio
import gzip
import sys
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect, Request

from lethe.server.errors import (
    APIError,
    BadRequest,
    PayloadTooLarge,
    RequestTimeout,
    Unavailable,
    UnsupportedMediaType,
)
from lethe.server.request.bodies import Bodies
from lethe.server.request.relay import ClientGone
from lethe.server.settings.connections import LimitSettings

pytestmark = pytest.mark.anyio

MOST, ALL = 1000, 1500
GONE = None


class Client:
    """Sends a body in pieces; GONE says that it went away. Without a last piece there is always more to come."""

    def __init__(self, *pieces: bytes | None, whole: bool = True, **headers: str) -> None:
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.read = 0
        for index, piece in enumerate(pieces):
            more = not whole or index + 1 < len(pieces)
            message = {"type": "http.request", "body": piece, "more_body": more}
            self._messages.put_nowait({"type": "http.disconnect"} if piece is GONE else message)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        scope = {
            "type": "http",
            "headers": [(name.encode(), value.encode()) for name, value in named.items()],
        }
        self.request = Request(scope, self._receive)

    async def _receive(self) -> dict[str, Any]:
        message = await self._messages.get()
        self.read += 1
        return message

    def goes(self) -> None:
        self._messages.put_nowait({"type": "http.disconnect"})


@pytest.fixture
def bodies() -> Bodies:
    return Bodies(MOST, LimitSettings(max_bodies_bytes=ALL, body_timeout_s=0.05))


async def read(bodies: Bodies, client: Client) -> bytes:
    async with bodies.read(client.request) as body:
        return body


async def is_all_given_back(bodies: Bodies) -> bool:
    """Whether so much can be held at once as at the beginning."""
    async with bodies.read(Client(b"x" * MOST).request):
        return await read(bodies, Client(b"x" * (ALL - MOST))) != b""


async def test_a_body_is_read_whole_however_it_comes(bodies: Bodies) -> None:
    assert (
        await read(bodies, Client(b"{", b"", b"}", content_type="application/JSON; charset=utf-8")) == b"{}"
    )
    assert await read(bodies, Client(b"x" * MOST)) == b"x" * MOST


@pytest.mark.parametrize(
    ("client", "error", "status"),
    [
        (lambda: Client(b"x" * (MOST + 1)), PayloadTooLarge, 413),
        (lambda: Client(b"x" * MOST, b"x"), PayloadTooLarge, 413),
        (lambda: Client(b"{}", content_type="text/plain"), UnsupportedMediaType, 415),
        (lambda: Client(b"{}", content_encoding="br"), UnsupportedMediaType, 415),
        (lambda: Client(b"{}", content_encoding="gzip, gzip"), UnsupportedMediaType, 415),
        (lambda: Client(b"{}", content_encoding="gzip"), BadRequest, 400),
        (lambda: Client(gzip.compress(b"{}")[:-1], content_encoding="gzip"), BadRequest, 400),
        (lambda: Client(gzip.compress(b"{}"), b"more", content_encoding="gzip"), BadRequest, 400),
        (lambda: Client(gzip.compress(b"x" * 10**7), content_encoding="gzip"), PayloadTooLarge, 413),
        (lambda: Client(b"{", whole=False), RequestTimeout, 408),
    ],
    ids=[
        "too long",
        "too long in pieces",
        "no JSON",
        "another coding",
        "two codings",
        "no gzip",
        "cut",
        "more",
        "a bomb",
        "too slow",
    ],
)
async def test_a_body_that_may_not_be_is_refused_and_holds_nothing(
    bodies: Bodies, client: Any, error: type[APIError], status: int
) -> None:
    with pytest.raises(error) as refused:
        await read(bodies, client())
    assert refused.value.status == status
    assert await is_all_given_back(bodies)


@pytest.mark.parametrize(
    ("coding", "compress"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("GZIP ", gzip.compress),
        ("x-gzip", gzip.compress),
    ],
)
async def test_a_compressed_body_is_read_as_what_it_holds(
    bodies: Bodies, coding: str, compress: Callable[[bytes], bytes]
) -> None:
    for text in (b"{}", b"x" * MOST):
        coded = compress(text)
        pieces = [coded[start : start + 7] for start in range(0, len(coded), 7)]
        assert await read(bodies, Client(*pieces, b"", content_encoding=coding)) == text
    async with bodies.read(Client(compress(b"x" * MOST), content_encoding=coding).request):
        with pytest.raises(Unavailable):
            await read(bodies, Client(b"x" * (ALL - MOST + 1)))


@pytest.fixture
def zstd() -> Any:
    """The library for zstd."""
    return pytest.importorskip("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")


async def test_zstd_is_decoded_within_the_same_bounds(bodies: Bodies, zstd: Any) -> None:
    for text in (b"{}", b"x" * MOST):
        coded = zstd.compress(text)
        pieces = [coded[start : start + 7] for start in range(0, len(coded), 7)]
        assert await read(bodies, Client(*pieces, b"", content_encoding="zstd")) == text
    wide = {zstd.CompressionParameter.window_log: 24, zstd.CompressionParameter.content_size_flag: 0}
    compressor = zstd.ZstdCompressor(options=wide)
    for pieces, fault in (
        ([zstd.compress(b"x" * 10**7)], PayloadTooLarge),
        ([zstd.compress(b"{}")[:-1]], BadRequest),
        ([b"{}"], BadRequest),
        ([zstd.compress(b"{}"), b"more"], BadRequest),
        ([zstd.compress(b"{}") * 2], BadRequest),
        ([compressor.compress(b"x" * 10**6), compressor.flush()], BadRequest),
    ):
        with pytest.raises(fault):
            await read(bodies, Client(*pieces, content_encoding="zstd"))
        assert await is_all_given_back(bodies)


async def test_what_says_that_it_is_too_long_is_not_read(bodies: Bodies) -> None:
    client = Client(b"{}", content_length=str(MOST + 1))
    with pytest.raises(PayloadTooLarge):
        await read(bodies, client)
    assert client.read == 0


async def test_what_all_hold_together_is_bounded(bodies: Bodies) -> None:
    async with bodies.read(Client(b"x" * MOST).request):
        with pytest.raises(Unavailable) as refused:
            await read(bodies, Client(b"x" * (ALL - MOST), b"x"))
        assert (refused.value.status, refused.value.code) == (503, "overloaded")
        assert refused.value.retry_after_s
        assert len(await read(bodies, Client(b"x" * (ALL - MOST)))) == ALL - MOST
    assert await is_all_given_back(bodies)


async def test_a_client_that_goes_while_it_sends_holds_nothing(bodies: Bodies) -> None:
    with pytest.raises(ClientDisconnect):
        await read(bodies, Client(b"x" * MOST, GONE))
    assert await is_all_given_back(bodies)


async def test_a_client_that_goes_later_ends_what_is_done_with_its_body(bodies: Bodies) -> None:
    client, ended = Client(b"x" * MOST), asyncio.Event()

    async def work() -> None:
        async with bodies.read(client.request):
            client.goes()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

    with pytest.raises(ClientGone):
        await work()
    assert ended.is_set()
    assert await is_all_given_back(bodies)


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(0, MOST), min_size=1, max_size=3),
            st.sampled_from(["answered", "failed", "gone"]),
            st.booleans(),
        ),
        max_size=6,
    )
)
async def test_however_requests_end_all_is_given_back(requests: list[tuple[list[int], str, bool]]) -> None:
    bodies = Bodies(MOST, LimitSettings(max_bodies_bytes=ALL))

    async def handle(sizes: list[int], end: str, at_once: bool) -> None:
        pieces: list[bytes | None] = [b"x" * size for size in sizes]
        async with bodies.read(Client(*pieces, *([GONE] if end == "gone" else [])).request):
            if not at_once:
                await asyncio.sleep(0)
            if end == "failed":
                raise OSError

    ends = await asyncio.gather(*(handle(*each) for each in requests), return_exceptions=True)
    known = (PayloadTooLarge, Unavailable, ClientDisconnect, ClientGone, OSError)
    assert all(end is None or isinstance(end, known) for end in ends)
    assert await is_all_given_back(bodies)


async def test_a_body_that_is_kept_is_counted_until_it_is_let_go(bodies: Bodies) -> None:
    with bodies.kept(b"x" * MOST):
        with pytest.raises(Unavailable):
            await read(bodies, Client(b"x" * MOST))
        assert await read(bodies, Client(b"x" * (ALL - MOST)))
    assert await is_all_given_back(bodies)
