"""Many requests to one OpenAI-compatible server, and the one kind of error that can come of them."""

import asyncio
import contextlib
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp

from lethe.offline.language_models.interface import LanguageModelError

_Answer = TypeVar("_Answer")
_EXAMPLE = "gpu-host:8000"
_KEY = (
    "give the key that it asks for with --api-key or in LETHE_ENGINE__API_KEY "
    "(--engine embedded knows that of an engine that lethe serve started here)"
)


async def served_models(url: str, api_key: str | None) -> dict[str, str]:
    """Names that a server serves, each with the folder or hub id it was loaded from.

    Raises
    ------
    LanguageModelError
        That is no address, or the server cannot be reached, or refuses.
    """
    _check_address(url)

    async def ask() -> dict[str, str]:
        timeout = aiohttp.ClientTimeout(total=30)
        async with (
            aiohttp.ClientSession(headers=_headers(api_key), timeout=timeout) as session,
            session.get(f"{url}/v1/models") as response,
        ):
            document = await _document(url, response)
            return {model["id"]: model.get("root") or model["id"] for model in document["data"]}

    return await _reached(url, ask())


async def is_lethe(url: str) -> bool:
    """Whether what answers there is a proxy of Lethe's that serves, by a route that no engine has."""
    with contextlib.suppress(aiohttp.ClientError, TimeoutError, ValueError):
        timeout = aiohttp.ClientTimeout(total=30)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{url}/ready") as response,
        ):
            return await response.json(content_type=None) == {"status": "ready"}
    return False


async def post_all(
    requests: Sequence[tuple[str, dict[str, Any]]], api_key: str | None, concurrency: int
) -> list[dict[str, Any]]:
    """Post all bodies, many at a time, and give the first choice of each answer, in order.

    Parameters
    ----------
    requests
        Address and JSON body of each.

    Raises
    ------
    LanguageModelError
        The server cannot be reached, or refuses a request.
    """
    limit = asyncio.Semaphore(concurrency)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(
        headers=_headers(api_key), timeout=timeout, connector=connector
    ) as session:

        async def post(url: str, body: dict[str, Any]) -> dict[str, Any]:
            async with limit, session.post(url, json=body) as response:
                return (await _document(url, response))["choices"][0]

        url = requests[0][0] if requests else ""
        return await _reached(url, asyncio.gather(*(post(*request) for request in requests)))


def _headers(api_key: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


async def _document(url: str, response: aiohttp.ClientResponse) -> dict[str, Any]:
    try:
        document = await response.json(content_type=None)
    except ValueError:
        document = None
    if response.status in (401, 403):
        raise LanguageModelError(f"{url} answered {response.status}: {_error_message(document)}; {_KEY}")
    if document is None:
        raise LanguageModelError(
            f"{url} answered {response.status} with no JSON; is it an OpenAI-compatible server?"
        )
    if response.status != 200:
        raise LanguageModelError(f"{url} answered {response.status}: {_error_message(document)}")
    return document


def _check_address(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise LanguageModelError(
            f"{url} is no address; one begins with http:// or https://, as http://{_EXAMPLE}"
        )


async def _reached(url: str, request: Awaitable[_Answer]) -> _Answer:
    try:
        return await request
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError) as error:
        raise LanguageModelError(
            f"{url} cannot be reached or is no OpenAI-compatible server: {str(error) or type(error).__name__}"
        ) from None


def _error_message(document: Any) -> str:
    error = document.get("error", document) if isinstance(document, dict) else document
    return str(error.get("message", error) if isinstance(error, dict) else error)[:500]
