"""One engine over HTTP. Knows its address, deadlines and health; knows nothing about targets or policies."""

import asyncio
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from lethe.server.circuit_breaker import CircuitBreaker
from lethe.server.engines.answer import EngineAnswer
from lethe.server.engines.errors import REFUSED_KEY
from lethe.server.engines.facts import EngineFacts, read_facts
from lethe.server.engines.http_connection import Waits
from lethe.server.engines.sending import RETRY_AFTER_S, RequestSender
from lethe.server.errors import (
    APIError,
    EngineFailed,
    EngineNotReached,
    EngineTimeout,
    OperatorError,
    Unavailable,
)
from lethe.server.targets.served_model import digest_at_hand

_LOGGER = logging.getLogger("lethe.engines")
_FAILURES_TO_OPEN = 5
_OPEN_S = 5.0
# Below the 5 s after which vLLM's server closes an idle connection.
_KEEPALIVE_S = 4
_ADMINISTRATION_TIMEOUT_S = 300
_REPORT_EVERY_S = 60.0
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class EngineClient:
    """One engine's HTTP interface.

    While the engine is not known to be ready, every call but the checks fails at once with `Unavailable`.

    Parameters
    ----------
    base_url
        Where the engine listens, without ``/v1``.
    api_key
        Sent as a bearer token.
    connect_timeout_s, read_timeout_s, total_timeout_s
        How long to wait for a connection, for each next piece of an answer, and for the whole of it.
    health_timeout_s
        How long to wait for a word on its health.
    breaker
        Keeps requests away from an engine that does not answer them.
    label
        Names it in metrics; by default its host and port.

    Attributes
    ----------
    in_flight
        How many of its answers have not been closed.
    failures
        How many requests it has not answered.
    key_refusals
        How many it has answered with 401 or 403.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None,
        *,
        connect_timeout_s: float,
        read_timeout_s: float,
        total_timeout_s: float | None = None,
        health_timeout_s: float = 5,
        breaker: CircuitBreaker | None = None,
        label: str | None = None,
    ) -> None:
        self._breaker = breaker or CircuitBreaker(_FAILURES_TO_OPEN, _OPEN_S)
        self.base_url = base_url.rstrip("/").removesuffix("/v1")
        self.label = label or urlsplit(self.base_url).netloc
        self.in_flight = 0
        self.failures = 0
        self.key_refusals = 0
        self._next_report = 0.0
        self.facts: EngineFacts | None = None
        self.unavailable_because: str | None = "the engine is starting"
        self.ailment = "not asked yet"
        # What stands before an engine, such as an ingress, may compress what it is not asked to leave.
        self._headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._waits = Waits(connect_timeout_s, read_timeout_s, total_timeout_s)
        self._health_timeout = aiohttp.ClientTimeout(total=health_timeout_s)
        self._sender: RequestSender | None = None
        # For all but the requests that clients wait for.
        self._session: aiohttp.ClientSession | None = None

    @property
    def ready(self) -> bool:
        return self.unavailable_because is None

    @property
    def model_names(self) -> frozenset[str]:
        """The names under which clients may ask for the base model."""
        return self.facts.names if self.facts else frozenset()

    def mark_ready(self) -> None:
        """It may be asked; where it could not be, whatever failed before counts no longer."""
        if not self.ready:
            self._breaker.succeeded()
            if self._sender is not None:
                self._sender.forget_refusals()
        self.unavailable_because = None

    def mark_unavailable(self, reason: str) -> None:
        self.unavailable_because = reason

    def unavailable(self) -> EngineNotReached:
        """The error that says why the engine cannot answer now."""
        reason = self.unavailable_because or "the engine does not answer"
        return EngineNotReached(f"The model is not ready: {reason}.", retry_after_s=RETRY_AFTER_S)

    async def open(self) -> None:
        """Open the connection pool; must run inside the event loop."""
        self._sender = RequestSender(self._headers, self._waits, _KEEPALIVE_S)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEPALIVE_S),
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(
                total=self._waits.total_s, sock_connect=self._waits.connect_s, sock_read=self._waits.read_s
            ),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        """Close every connection."""
        if self._sender is not None and self._session is not None:
            self._sender.close()
            await self._session.close()

    async def post(
        self, path: str, body: dict[str, Any], headers: Mapping[str, str] | None = None
    ) -> EngineAnswer:
        """Send a request and return the answer once its head has arrived; whoever gets it must close it.

        Parameters
        ----------
        headers
            Sent along, beside the engine's key.

        Raises
        ------
        EngineNotReached
            The engine is not ready, refuses connections, or takes nothing more as it stops.
        Unavailable
            The engine answers that the process that runs the model is no more.
        EngineTimeout
            It did not answer in time.
        EngineFailed
            It broke off before answering, or the answer is compressed.
        """
        if self._sender is None:
            raise RuntimeError("EngineClient.open has not been called")
        if not self.ready:
            raise self.unavailable()
        if not self._breaker.allows():
            raise EngineNotReached("The engine does not answer now.", retry_after_s=RETRY_AFTER_S)
        self.in_flight += 1
        try:
            answer = EngineAnswer(await self._sender.post(self.base_url + path, body, headers or {}))
        except BaseException as error:
            self.in_flight -= 1
            if isinstance(error, APIError):
                self.failures += 1
                # One that takes long over some answers may be well; that it is, its health tells.
                if not isinstance(error, EngineTimeout):
                    self._breaker.failed()
            raise
        self._breaker.succeeded()
        answer.at_close(self._closed)
        if answer.status in REFUSED_KEY:
            self._refused_key(answer.status)
        try:
            self._check_coding(answer.headers.get("content-encoding"))
        except EngineFailed:
            answer.close()
            raise
        return answer

    def _refused_key(self, status: int) -> None:
        self.key_refusals += 1
        now = time.monotonic()
        if now >= self._next_report:
            self._next_report = now + _REPORT_EVERY_S
            _LOGGER.error(
                "engine: %s answers requests with %s: it refuses the proxy's key; see engine.api_key",
                self.base_url,
                status,
            )

    def _closed(self) -> None:
        self.in_flight -= 1

    def _check_coding(self, coding: str | None) -> None:
        if coding is not None and (coding := coding.strip().lower()) != "identity":
            raise EngineFailed(
                f"The engine's answer is compressed ({coding}), which was not asked for; "
                f"switch compression off in what stands before {self.label}."
            )

    async def administer(self, path: str, body: dict[str, Any]) -> tuple[int, str]:
        """Ask for a change in the engine, whether or not it is ready for requests; status and text of its answer.

        Raises
        ------
        EngineNotReached, EngineTimeout, EngineFailed
            As of `post`.
        """
        timeout = aiohttp.ClientTimeout(total=_ADMINISTRATION_TIMEOUT_S)
        try:
            async with self._pool.post(
                self.base_url + path, data=orjson.dumps(body), timeout=timeout
            ) as response:
                self._check_coding(response.headers.get("Content-Encoding"))
                return response.status, await response.text(errors="replace")
        except aiohttp.ClientConnectorError:
            raise EngineNotReached(f"{self.label} refuses connections") from None
        except TimeoutError:
            raise EngineTimeout(f"{self.label} did not answer in time") from None
        except aiohttp.ClientError:
            raise EngineFailed(f"{self.label} broke off before it answered") from None

    async def healthy(self) -> bool:
        """Whether the engine says that it is well, or the router before several that one of them is.

        Where not, `ailment` says why.

        vLLM's router is not well by `/health` as soon as one of its engines is not; whether any is left, it says by
        `/readiness`, which an engine does not know.
        """
        status = await self._status_of("/health")
        well = status == 200 or (status == 503 and await self._status_of("/readiness") == 200)
        if status is not None and not well:
            self.ailment = f"it answers {status} to /health"
        return well

    async def _status_of(self, path: str) -> int | None:
        try:
            async with self._pool.get(self.base_url + path, timeout=self._health_timeout) as response:
                return response.status
        except aiohttp.InvalidURL:
            self.ailment = "this is no address; one begins with http:// or https://"
        except aiohttp.ClientConnectorDNSError:
            self.ailment = "nobody knows that name"
        except aiohttp.ClientConnectorError as error:
            self.ailment = f"no connection: {os.strerror(error.os_error.errno or 0).lower()}"
        except TimeoutError:
            self.ailment = "it does not answer in time"
        except aiohttp.ClientError as error:
            self.ailment = f"it answers with no HTTP ({type(error).__name__})"
        return None

    async def metrics_text(self) -> str:
        """The engine's own Prometheus page.

        Raises
        ------
        Unavailable
            It does not answer.
        EngineFailed
            Its answer is compressed, or no such page.
        """
        status, text = await self._metrics_page()
        if status != 200:
            raise EngineFailed(f"{self.label} has no page of metrics (HTTP {status}).")
        return text

    async def _metrics_page(self) -> tuple[int, str]:
        try:
            async with self._pool.get(
                self.base_url + "/metrics", timeout=aiohttp.ClientTimeout(total=10)
            ) as response:
                self._check_coding(response.headers.get("Content-Encoding"))
                return response.status, await response.text(errors="replace")
        except (aiohttp.ClientError, TimeoutError):
            raise Unavailable("The engine does not answer.", retry_after_s=RETRY_AFTER_S) from None

    async def learn_facts(self) -> None:
        """Ask the engine what it serves, and by the gauge on its metrics page whether it has the plugin.

        Raises
        ------
        OperatorError
            It asks for another key, its answers are compressed, or what answers is no vLLM.
        """
        facts = await self._said_facts()
        digest = await asyncio.to_thread(digest_at_hand, facts.roots) if self._is_local else None
        self.facts = replace(facts, embedding_sha256=digest)

    async def is_as_learned(self) -> bool:
        """Whether the engine says of itself what `facts` say, but for its adapters; raises as `learn_facts` does."""
        facts = await self._said_facts()
        return self.facts is not None and facts.is_alike(self.facts)

    async def _said_facts(self) -> EngineFacts:
        try:
            async with self._pool.get(
                self.base_url + "/v1/models", timeout=aiohttp.ClientTimeout(total=10)
            ) as response:
                if response.status in (401, 403):
                    raise OperatorError(f"{self.base_url} refuses the engine's key; set engine.api_key")
                self._check_coding(response.headers.get("Content-Encoding"))
                document = orjson.loads(await response.read())
            status, metrics = await self._metrics_page()
            if status >= 500:
                raise EngineFailed(f"its page of metrics is HTTP {status}")
            return read_facts(document, metrics)
        except EngineFailed as error:
            raise OperatorError(f"{self.base_url}: {error.message}") from None
        except (
            aiohttp.ClientError,
            TimeoutError,
            APIError,
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
        ) as error:
            raise OperatorError(
                f"{self.base_url} does not answer /v1/models as vLLM does ({type(error).__name__})"
            ) from None

    @property
    def _is_local(self) -> bool:
        return urlsplit(self.base_url).hostname in _LOOPBACK

    @property
    def _pool(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("EngineClient.open has not been called")
        return self._session
