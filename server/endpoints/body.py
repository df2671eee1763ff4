"""A request's body: read within bounds, and checked for the fields that an endpoint types.

Knows nothing about what the fields mean.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pydantic
from fastapi import Request

from lethe.server.endpoints.content_coding import decoder
from lethe.server.endpoints.exact_json import parse_object
from lethe.server.endpoints.field_kinds import invalid_body
from lethe.server.endpoints.lengths import Lengths
from lethe.server.errors import PayloadTooLarge, RequestTimeout, UnsupportedMediaType


async def read_body(
    request: Request, max_bytes: int, timeout_s: float, take: Callable[[int], None] = lambda size: None
) -> bytes:
    """Read a request's body, never more than the limit and no longer than the time.

    Parameters
    ----------
    take
        Called with the bytes that came, decoded; see `lethe.server.request.bodies.Bodies`.

    Raises
    ------
    PayloadTooLarge
        It is longer than ``max_bytes``, as it came or decoded.
    UnsupportedMediaType
        It is compressed in another way than gzip, deflate or zstd, or says that it is not JSON.
    BadRequest
        It is not compressed as it says.
    RequestTimeout
        It was not there in time.
    """
    headers = request.headers
    media_type = headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedMediaType(f"the body must be application/json, not {media_type}")
    coded = decoder(headers.get("content-encoding", "identity").strip().lower())
    too_large = PayloadTooLarge(f"the body must be at most {max_bytes} bytes")
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(timeout_s):
            async for piece in request.stream():
                # No piece makes more than there is room for, however much is in it.
                chunk = coded.decode(piece, max_bytes - size + 1)
                size += len(chunk)
                if size > max_bytes:
                    raise too_large
                take(len(chunk))
                chunks.append(chunk)
    except TimeoutError:
        raise RequestTimeout(f"the body must be sent within {timeout_s:g} s") from None
    coded.end()
    return b"".join(chunks)


def parse_body(raw: bytes, shape: type[pydantic.BaseModel], most: Lengths | None = None) -> dict[str, Any]:
    """Parse a body and check the fields that its shape has.

    Parameters
    ----------
    most
        How much it may have; None for whatever fits its bytes.

    Raises
    ------
    BadRequest
        It is not a JSON object, one of them is missing or of the wrong type, it has more than it may, or a number would not
        be kept.
    """
    body = parse_object(raw)
    if most is not None:
        most.check(body)
    try:
        checked = shape.model_validate(body)
    except pydantic.ValidationError as error:
        raise invalid_body(error) from None
    # A switch goes on as it was understood here, however it was written.
    return body | {name: value for name, value in vars(checked).items() if isinstance(value, bool)}
