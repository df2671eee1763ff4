"""The engines behind the proxy, as one: who is asked, and what becomes of a request whose engine is not there."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from lethe.server.engines.adapters import EngineAdapters
from lethe.server.engines.answer import EngineAnswer
from lethe.server.engines.client import EngineClient
from lethe.server.engines.errors import engine_error
from lethe.server.engines.facts import EngineFacts
from lethe.server.engines.http_connection import BrokenOff
from lethe.server.engines.metrics_pages import merge_pages
from lethe.server.engines.routing import in_order_of_choice
from lethe.server.errors import APIError, BadRequest, EngineFailed, EngineNotReached, NotFound, Unavailable
from lethe.server.targets.adapter import Adapter


class EnginePool:
    """One or several engines that serve the same model.

    Attributes
    ----------
    clients
        One for each engine.
    adapters
        What they have beside the model.
    """

    def __init__(self, clients: Sequence[EngineClient], adapters: EngineAdapters) -> None:
        self.clients = tuple(clients)
        self.adapters = adapters

    @property
    def ready(self) -> bool:
        """Whether any of them is."""
        return any(client.ready for client in self.clients)

    @property
    def unavailable_because(self) -> str | None:
        """Why none is ready; None while one is."""
        return None if self.ready else self.clients[0].unavailable_because

    @property
    def facts(self) -> EngineFacts | None:
        """What those that were asked say of the model."""
        if len(self.clients) == 1:
            return self.clients[0].facts
        known = [client for client in self.clients if client.facts]
        # One that is ready was checked last.
        return max(known, key=lambda client: client.ready).facts if known else None

    @property
    def model_names(self) -> frozenset[str]:
        """The names under which clients may ask for the base model."""
        facts = self.facts
        return facts.names if facts else frozenset()

    @property
    def model_name(self) -> str:
        """One of them; empty before any is known."""
        return next(iter(self.model_names), "")

    def unavailable(self) -> Unavailable:
        """The error that says why none can answer now."""
        return self.clients[0].unavailable()

    def mark_unavailable(self, reason: str) -> None:
        """Ask none of them any longer."""
        for client in self.clients:
            client.mark_unavailable(reason)

    async def open(self) -> None:
        """Open the connection pools; must run inside the event loop."""
        for client in self.clients:
            await client.open()

    async def close(self) -> None:
        """Close every connection."""
        for client in self.clients:
            await client.close()

    async def post(
        self,
        path: str,
        body: dict[str, Any],
        headers: Mapping[str, str] | None = None,
        adapter: Adapter | None = None,
    ) -> EngineAnswer:
        """Send a request to the engine of choice; the next one is asked only if this one got nothing of it.

        What comes back is a success, its body not yet read.

        Parameters
        ----------
        headers
            Sent along, such as the request's id for the engine's log.
        adapter
            What the body names as its model, if that is not the base model. The answer names the base model.

        Raises
        ------
        Unavailable
            None is ready, or the one that is lacks the adapter and does not take it.
        EngineTimeout, EngineFailed
            As of `EngineClient.post`.
        APIError
            The engine answered with an error; see `engine_error`.
        """
        answer = await self._answer(path, body, headers, adapter)
        if answer.status != 200:
            raise await engine_error(answer, path)
        return answer

    async def _answer(
        self, path: str, body: dict[str, Any], headers: Mapping[str, str] | None, adapter: Adapter | None
    ) -> EngineAnswer:
        failure: Unavailable | None = None
        for client in in_order_of_choice([client for client in self.clients if client.ready], body):
            try:
                if adapter is None:
                    return await client.post(path, body, headers)
                return await self._post_adapted(client, path, body, headers, adapter)
            except EngineNotReached as error:
                failure = error
        raise failure or self.unavailable()

    async def _post_adapted(
        self,
        client: EngineClient,
        path: str,
        body: dict[str, Any],
        headers: Mapping[str, str] | None,
        adapter: Adapter,
    ) -> EngineAnswer:
        answer = await client.post(path, body, headers)
        if answer.status == 404:
            # Another proxy evicted it, or the engine restarted unseen.
            answer.close()
            await self.adapters.load_again(client, adapter)
            answer = await client.post(path, body, headers)
        if answer.status == 404:
            answer.close()
            raise Unavailable("The model is not ready: the engine lacks a part of it.", retry_after_s=1)
        assert client.facts is not None
        answer.rename(self.adapters.name(adapter), client.facts.name)
        return answer

    async def detokenize(self, token_ids: list[int]) -> str:
        """The text of a prompt that came as token ids.

        Raises
        ------
        BadRequest
            They are not of the model's vocabulary, or the engine decodes none.
        EngineFailed
            What it answered is no text.
        APIError
            As of `post`.
        """
        try:
            answer = await self.post("/detokenize", {"tokens": token_ids})
        except BadRequest as error:
            raise BadRequest(f"The token ids cannot be decoded: {error.message}") from None
        except NotFound:
            raise BadRequest("Token ids cannot be decoded here; send the prompt as text.") from None
        try:
            text = (await answer.json())["prompt"]
        except (BrokenOff, TimeoutError, orjson.JSONDecodeError, LookupError, TypeError):
            text = None
        finally:
            answer.close()
        if not isinstance(text, str):
            raise EngineFailed("The engine could not decode the token ids.")
        return text

    async def metrics_text(self) -> str:
        """The engines' own Prometheus pages; of several, as one page with the label ``engine``.

        Raises
        ------
        Unavailable
            None answers.
        """
        if len(self.clients) == 1:
            return await self.clients[0].metrics_text()
        return merge_pages(({"engine": label}, page) for label, page in (await self.metrics_pages()).items())

    async def metrics_pages(self) -> dict[str, str]:
        """The Prometheus pages of those that answer, by their labels; raises as `metrics_text` does."""
        pages = await asyncio.gather(
            *(client.metrics_text() for client in self.clients), return_exceptions=True
        )
        answered = {
            client.label: page
            for client, page in zip(self.clients, pages, strict=True)
            if isinstance(page, str)
        }
        if not answered:
            raise next(page for page in pages if isinstance(page, APIError))
        return answered
