"""JSON that is read without loss: what cannot be kept as it was written is refused."""

import re
from typing import Any

import orjson

from lethe.server.errors import BadRequest

# Every whole number of fewer digits fits 64 bits.
_MANY_DIGITS = b"0" * 19
_EVERY_DIGIT_ZERO = bytes.maketrans(b"123456789", b"0" * 9)
# In valid JSON a digit outside of strings belongs to a number.
_STRING_OR_NUMBER = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|-?[0-9][-+.0-9eE]*+')
_LONGEST_SHOWN = 40
# orjson reads more levels than it writes, and parts of a body are written within others.
_DEEPEST, _WRITABLE = 200, 254


def parse_object(raw: bytes) -> dict[str, Any]:
    """Parse a JSON object whose every number is kept.

    Raises
    ------
    BadRequest
        It is not a JSON object, has a whole number beyond 64 bits, which would become another one, or is nested
        deeper than can be written again.
    """
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"the body is not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise BadRequest(f"the body must be a JSON object, not {type(document).__name__}")
    # Looking for many digits in a row costs a fraction of parsing; hardly a body has them.
    if _MANY_DIGITS in raw.translate(_EVERY_DIGIT_ZERO):
        _check_whole_numbers(raw, document)
    if raw.count(b"[") + raw.count(b"{") > _DEEPEST:
        _check_depth(document)
    return document


def _check_depth(document: dict[str, Any]) -> None:
    within: Any = document
    for _ in range(_WRITABLE - _DEEPEST):
        within = [within]
    try:
        orjson.dumps(within)
    except TypeError:
        raise BadRequest(f"the body must be nested at most {_DEEPEST} levels deep") from None


def _check_whole_numbers(raw: bytes, document: dict[str, Any]) -> None:
    for match in _STRING_OR_NUMBER.finditer(raw):
        token = match[0]
        digits = token.removeprefix(b"-")
        if digits.isdigit() and not (len(digits) <= 20 and -(2**63) <= int(token) < 2**64):
            shown = token.decode()
            shown = shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}..."
            place = _place(document, float(token))
            raise BadRequest(
                f"{place}: {shown} cannot be passed on as it is: a whole number must be from -2^63 to 2^64 - 1",
                param=place,
            )


def _place(document: dict[str, Any], number: float) -> str:
    """Where a number stands, or what it was read as."""
    inside: list[tuple[str, Any]] = [("", document)]
    for place, value in inside:
        if type(value) is float and value == number:
            return place[1:]
        children = (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        )
        inside += [(f"{place}.{name}", child) for name, child in children]
    return "the body"
