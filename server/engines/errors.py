"""What an engine answers in place of an answer, as the client is told it: always OpenAI's error object.

An engine's own words are passed where they come in that form. A page, another server's form and an empty body say nothing
to a client, and are put into words here.
"""

import math
import re
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import orjson

from lethe.server.engines.answer import EngineAnswer
from lethe.server.engines.http_connection import BrokenOff
from lethe.server.errors import (
    APIError,
    BadRequest,
    EngineFailed,
    EngineTimeout,
    NotFound,
    PayloadTooLarge,
    Unavailable,
)

# By how many fields a body has, a client would know one to which the proxy has added something.
_COUNTED = re.compile(r", 'input': '<dict of \d+ items>'")
_CORRUPTION_FIELD = "vllm_xargs"
REFUSED_KEY = (401, 403)
_RETRY_AFTER_S = 5
_CODES = {
    429: "overloaded",
    404: "unsupported_endpoint",
    405: "unsupported_endpoint",
    501: "unsupported_endpoint",
}


@dataclass(frozen=True)
class _Said:
    """An engine's own error object."""

    message: str
    type: str | None
    param: str | None
    code: str | int | None


async def engine_error(answer: EngineAnswer, path: str) -> APIError:
    """The error that an engine's answer stands for, whose status is not 200; the answer is closed.

    Parameters
    ----------
    path
        What was asked.
    """
    try:
        said = _said(await _whole(answer), answer.status)
    finally:
        answer.close()
    kind, words = _kind_and_words(answer.status, path)
    retry_after_s = _seconds(answer.headers.get("retry-after"))
    if issubclass(kind, Unavailable) and retry_after_s is None:
        retry_after_s = _RETRY_AFTER_S
    if said is not None and _CORRUPTION_FIELD in (said.param or "") + said.message:
        # What it does not take is the proxy's own, and names a target.
        return EngineFailed(f"The engine failed (HTTP {answer.status}).")
    if said is None or answer.status in REFUSED_KEY:
        return kind(words, code=_CODES.get(answer.status), retry_after_s=retry_after_s)
    # vLLM repeats its status as the code.
    code = kind.status if said.code == answer.status else said.code
    return kind(said.message, type=said.type, param=said.param, code=code, retry_after_s=retry_after_s)


def _kind_and_words(status: int, path: str) -> tuple[type[APIError], str]:
    match status:
        case 401 | 403:
            # Whatever the engine says of keys is about the proxy's, which is no client's concern.
            return EngineFailed, "The model cannot be asked: its engine refuses this server."
        case 404 | 405 | 501:
            return NotFound, f"The model that is served here does not answer {path}."
        case 408 | 504:
            return EngineTimeout, "The engine did not answer in time."
        case 413:
            return PayloadTooLarge, "The request is larger than the engine takes."
        case 429 | 503:
            return Unavailable, "The engine cannot take the request now; try again later."
        case _ if 400 <= status < 500:
            return BadRequest, f"The engine refused the request and did not say why (HTTP {status})."
        case _:
            return EngineFailed, f"The engine failed (HTTP {status})."


async def _whole(answer: EngineAnswer) -> bytes:
    try:
        return await answer.read()
    except (BrokenOff, TimeoutError):
        return b""


def _said(content: bytes, status: int) -> _Said | None:
    try:
        error: Any = orjson.loads(content)["error"]
        message = error["message"]
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return None
    # Of a route that it lacks, vLLM says by the name of the status only.
    if not isinstance(message, str) or message in ("", _phrase(status)):
        return None
    code = error.get("code")
    return _Said(
        _COUNTED.sub("", message),
        _text(error.get("type")),
        _text(error.get("param")),
        code if isinstance(code, int) else _text(code),
    )


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _seconds(retry_after: str | None) -> int | None:
    """What a ``Retry-After`` says, as seconds or as a date."""
    if retry_after is None:
        return None
    try:
        if retry_after.isascii() and retry_after.isdigit():
            return int(retry_after)
        return max(0, math.ceil(parsedate_to_datetime(retry_after).timestamp() - time.time()))
    except (ValueError, OverflowError):
        return None
