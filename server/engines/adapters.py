"""The adapters of targets inside the engines: loaded while they run, evicted when nobody needs them any longer.

Follows vLLM 0.32's runtime loading (``vllm/entrypoints/serve/lora``), which an engine offers if it was started with
``--enable-lora`` and ``VLLM_ALLOW_RUNTIME_LORA_UPDATING``.
"""

import asyncio
import contextlib
import hashlib
import hmac
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import orjson

from lethe.bundle import BundleError
from lethe.server.engines.client import EngineClient
from lethe.server.errors import APIError, EngineNotReached, Unavailable
from lethe.server.targets.adapter import Adapter, AdapterCopies

LOAD, UNLOAD = "/v1/load_lora_adapter", "/v1/unload_lora_adapter"
_ALREADY_LOADED = "already been loaded"
_NOT_OFFERED = (
    "it does not offer to load adapters; start vLLM with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=1, "
    "on an address that only proxies reach"
)


class EngineAdapters:
    """Knows which adapters the engines are to have, and gives them those.

    Parameters
    ----------
    copies
        Where engines read adapters from; None if nothing is known that proxy and engines both see.
    secret
        What only the proxies of these engines know: it makes an adapter's name one that no client can guess.
    """

    def __init__(self, copies: AdapterCopies | None, secret: str) -> None:
        self._copies = copies
        self._secret = secret.encode()
        self._engines: set[EngineClient] = set()
        self._wanted: dict[str, Adapter] = {}
        self._loaded: set[str] = set()
        self._uses: Counter[str] = Counter()
        self._changing = asyncio.Lock()
        self._evicting: set[asyncio.Task[None]] = set()

    def name(self, adapter: Adapter) -> str:
        """The name by which the engines know an adapter: another for each version and base model, the same for all proxies."""
        content = f"{adapter.target}\0{adapter.version}\0{adapter.base}".encode()
        return f"lethe-{adapter.target}-{hmac.digest(self._secret, content, hashlib.sha256).hex()[:16]}"

    async def prepare(self, engine: EngineClient, adapters: Collection[Adapter]) -> None:
        """Give an engine that came up, and whose facts are known, these adapters; from now on they are what is wanted.

        Raises
        ------
        BundleError
            It does not take one.
        EngineNotReached
            It is gone again.
        """
        async with self._changing:
            assert engine.facts is not None
            self._require_folder(adapters)
            self._wanted = {self.name(adapter): adapter for adapter in adapters}
            for name, adapter in self._wanted.items():
                if name not in engine.facts.adapters:
                    await self._load(engine, adapter)
            self._engines.add(engine)

    async def install(self, adapters: Collection[Adapter]) -> None:
        """Give the engines these adapters, beside those that they have.

        An engine that is not asked now, or cannot be reached, gets them when it is prepared again, or when it is first asked for one.

        Raises
        ------
        BundleError
            An engine does not take one, or cannot see it.
        """
        async with self._changing:
            self._require_folder(adapters)
            new = {self.name(adapter): adapter for adapter in adapters}
            for name in new.keys() - self._wanted.keys():
                for engine in self._asked():
                    with contextlib.suppress(EngineNotReached):
                        await self._load(engine, new[name])
            self._wanted |= new

    async def settle(self, adapters: Collection[Adapter]) -> None:
        """Want these adapters only; the others go as soon as no request in flight needs them."""
        async with self._changing:
            self._wanted = {self.name(adapter): adapter for adapter in adapters}
            for name in [name for name in self._loaded if not self._is_needed(name)]:
                await self._evict(name)

    @contextmanager
    def in_use(self, adapter: Adapter) -> Iterator[str]:
        """Keep an adapter in the engines as long as a request may need it; gives its name."""
        name = self.name(adapter)
        self._uses[name] += 1
        try:
            yield name
        finally:
            self._uses[name] -= 1
            if not self._uses[name]:
                del self._uses[name]
                if name in self._loaded and not self._is_needed(name):
                    task = asyncio.ensure_future(self._evict_unless_needed(name))
                    self._evicting.add(task)
                    task.add_done_callback(self._evicting.discard)

    async def load_again(self, engine: EngineClient, adapter: Adapter) -> None:
        """Give an engine an adapter that it turned out not to have.

        Raises
        ------
        Unavailable
            It does not take it.
        """
        try:
            async with self._changing:
                await self._load(engine, adapter)
        except (BundleError, APIError):
            raise Unavailable(
                "The model is not ready: the engine lacks a part of it.", retry_after_s=1
            ) from None

    def _require_folder(self, adapters: Collection[Adapter]) -> None:
        if adapters and self._copies is None:
            raise BundleError(
                f"bundle {next(iter(adapters)).target} has an adapter, which a running engine can only read "
                "from a folder that it shares with the proxy; name one with engine.adapters.folder"
            )

    async def _load(self, engine: EngineClient, adapter: Adapter) -> None:
        name = self.name(adapter)
        self._loaded.add(name)
        assert self._copies is not None
        path = await asyncio.to_thread(self._copies.make, adapter, name)
        try:
            status, text = await engine.administer(LOAD, {"lora_name": name, "lora_path": str(path)})
        except EngineNotReached:
            raise
        except APIError as error:
            raise BundleError(
                f"cannot load the adapter of bundle {adapter.target}: {error.message}"
            ) from None
        if status != 200 and _ALREADY_LOADED not in text:
            raise BundleError(
                f"{engine.label} does not load the adapter of bundle {adapter.target}: {_reason(text)}"
            )

    async def _evict_unless_needed(self, name: str) -> None:
        async with self._changing:
            if name in self._loaded and not self._is_needed(name):
                await self._evict(name)

    async def _evict(self, name: str) -> None:
        for engine in self._asked():
            # An engine that is gone has forgotten it anyway.
            with contextlib.suppress(APIError):
                await engine.administer(UNLOAD, {"lora_name": name})
        self._loaded.discard(name)
        if self._copies is not None:
            await asyncio.to_thread(self._copies.drop, name)

    def _asked(self) -> list[EngineClient]:
        """The engines that answer: one that hangs would hold up all the others."""
        return [engine for engine in self._engines if engine.ready]

    def _is_needed(self, name: str) -> bool:
        return name in self._wanted or self._uses[name] > 0


def _reason(text: str) -> str:
    try:
        message = orjson.loads(text)["error"]["message"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return _NOT_OFFERED
    return " ".join(str(message).split()).rstrip(".")
