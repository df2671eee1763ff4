"""An OpenAI-compatible server, as an attacker talks to it: many requests at once, slowed down when it says so."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from lethe.bundle.errors import LetheError
from lethe.offline.attacks.disguises import Messages
from lethe.offline.language_models.interface import LanguageModelError

# Times that a server may ask to come back for one request.
_PATIENCE = 20
_VERDICT = "X-Lethe-Verdict"


class Refused(LetheError):
    """A request that the server takes for wrong or blocks; the message is its own."""


@dataclass(frozen=True)
class Answers:
    """Texts of one request's choices.

    Attributes
    ----------
    verdict
        What the proxy tells a key that may observe; None for others.
    """

    texts: tuple[str, ...]
    verdict: str | None = None


class ChatServer:
    """One server, its address with or without ``/v1``, and one key."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, key: str | None, limit: asyncio.Semaphore
    ) -> None:
        self._session = session
        self._url = url.rstrip("/").removesuffix("/v1")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._limit = limit

    async def first_model(self) -> str:
        """The name that the server serves first.

        Raises
        ------
        LanguageModelError
            It cannot be reached, or serves nothing.
        """
        document, _ = await self._sent("GET", "/v1/models", None)
        if not document.get("data"):
            raise LanguageModelError(f"{self._url} serves no model")
        return document["data"][0]["id"]

    async def ask(
        self,
        model: str,
        messages: Messages,
        max_tokens: int,
        samples: int = 1,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> Answers:
        """Ask for answers to a conversation; one that ends in an assistant's words is gone on with.

        Where answers are sampled the seed goes along; a server need not heed it.

        Raises
        ------
        Refused
            The server does not answer such a request.
        LanguageModelError
            It cannot be reached, or does not answer this key.
        """
        body: dict[str, Any] = {
            "model": model,
            "messages": messages,
            "max_tokens": max_tokens,
            "temperature": temperature,
        }
        if samples > 1:
            body["n"] = samples
        if temperature:
            body["seed"] = seed
        if messages[-1]["role"] == "assistant":
            body |= {"continue_final_message": True, "add_generation_prompt": False}
        document, headers = await self._sent("POST", "/v1/chat/completions", body)
        texts = tuple(choice["message"].get("content") or "" for choice in document["choices"])
        return Answers(texts, headers.get(_VERDICT))

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Post a body and get the document.

        Raises
        ------
        Refused, LanguageModelError
            As for `ask`.
        """
        document, _ = await self._sent("POST", path, body)
        return document

    async def _sent(
        self, method: str, path: str, body: dict[str, Any] | None
    ) -> tuple[dict[str, Any], Mapping[str, str]]:
        tries = 0
        while True:
            async with self._limit:
                status, document, headers = await self._reply(method, path, body)
            if status == 200:
                return document, headers
            tries += 1
            pause = float(headers.get("Retry-After", 0))
            if status not in (429, 503) or not pause or tries == _PATIENCE:
                break
            await asyncio.sleep(pause)
        message = _message(document)
        if status in (400, 413, 422):
            raise Refused(message)
        raise LanguageModelError(f"{self._url}{path} answered {status}: {message}{_remedy(path, status)}")

    async def _reply(
        self, method: str, path: str, body: dict[str, Any] | None
    ) -> tuple[int, dict[str, Any], Mapping[str, str]]:
        try:
            async with self._session.request(
                method, self._url + path, json=body, headers=self._headers
            ) as response:
                return response.status, await response.json(content_type=None), response.headers
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise LanguageModelError(
                f"{self._url} cannot be reached, or gives no JSON: {str(error) or type(error).__name__}"
            ) from None


@asynccontextmanager
async def connection(concurrency: int) -> AsyncIterator[tuple[aiohttp.ClientSession, asyncio.Semaphore]]:
    """What all servers of one attack share."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield session, asyncio.Semaphore(concurrency)


def _message(document: Any) -> str:
    error = document.get("error", document) if isinstance(document, dict) else document
    return str(error.get("message", error) if isinstance(error, dict) else error)[:300]


def _remedy(path: str, status: int) -> str:
    if path == "/v1/checks" and status in (401, 403, 404):
        return (
            "; verdicts need a key that `lethe keys create --scope check --scope admin` makes, or the --bundle "
            "that is served"
        )
    return ""
