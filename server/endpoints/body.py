"""A request's body: read within bounds, and checked for the fields that an endpoint types.

Knows nothing about what the fields mean.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pydantic
from fastapi import Request

from lethe.server.endpoints.exact_json import parse_object
from lethe.server.endpoints.field_kinds import invalid_body
from lethe.server.errors import PayloadTooLarge, RequestTimeout, UnsupportedMediaType


async def read_body(
    request: Request, max_bytes: int, timeout_s: float, take: Callable[[int], None] = lambda size: None
) -> bytes:
    """Read a request's body, never more than the limit and no longer than the time.

    Parameters
    ----------
    take
        Called with the bytes that came; see `lethe.server.request.bodies.Bodies`.

    Raises
    ------
    PayloadTooLarge
        It is longer than ``max_bytes``.
    UnsupportedMediaType
        It is compressed or says that it is not JSON.
    RequestTimeout
        It was not there in time.
    """
    headers = request.headers
    media_type = headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedMediaType(f"the body must be application/json, not {media_type}")
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise UnsupportedMediaType(f"the body must not be compressed, but it is {encoding}")
    too_large = PayloadTooLarge(f"the body must be at most {max_bytes} bytes")
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(timeout_s):
            async for chunk in request.stream():
                size += len(chunk)
                if size > max_bytes:
                    raise too_large
                take(len(chunk))
                chunks.append(chunk)
    except TimeoutError:
        raise RequestTimeout(f"the body must be sent within {timeout_s:g} s") from None
    return b"".join(chunks)


def parse_body(raw: bytes, shape: type[pydantic.BaseModel]) -> dict[str, Any]:
    """Parse a body and check the fields that its shape has.

    Raises
    ------
    BadRequest
        It is not a JSON object, one of them is missing or of the wrong type, or a number would not be kept.
    """
    body = parse_object(raw)
    try:
        checked = shape.model_validate(body)
    except pydantic.ValidationError as error:
        raise invalid_body(error) from None
    # A switch goes on as it was understood here, however it was written.
    switches = ((name, getattr(checked, name)) for name in shape.model_fields)
    return body | {name: value for name, value in switches if isinstance(value, bool)}
