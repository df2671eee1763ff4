"""The life of the engines: started or waited for, fitted with what the targets need, watched, stopped.

An engine is asked only while it is accepted: it answers, serves the model that the others serve, carries out what the
targets in force ask of it and has their adapters.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from lethe.bundle import BaseModel, BundleError
from lethe.server.engines.adapters import EngineAdapters
from lethe.server.engines.address import EngineAddress
from lethe.server.engines.client import EngineClient
from lethe.server.engines.fitness import check_plugin, describe_unfit, refuse_unfit
from lethe.server.engines.log import EngineLog
from lethe.server.engines.pool import EnginePool
from lethe.server.engines.process import (
    AdapterCapacity,
    EngineProcess,
    engine_command,
    free_loopback_port,
    new_engine_key,
)
from lethe.server.errors import EngineNotReached, OperatorError
from lethe.server.metrics import Metrics
from lethe.server.settings import OnUnfit, Settings
from lethe.server.targets.adapter import Adapter, AdapterCopies
from lethe.server.targets.served_model import ServedModel
from lethe.server.targets.targets import TargetSet

_LOGGER = logging.getLogger("lethe.engines")
_FAILED_CHECKS_TO_CLOSE = 2


@dataclass(frozen=True)
class EmbeddedModel:
    """The model that the embedded engine is to serve.

    Attributes
    ----------
    source
        What ``vllm serve`` is given: a folder or a hub id.
    identity
        Its identity, where its weights are at hand.
    """

    source: str
    identity: BaseModel | None


class Supervisor:
    """The engines of a proxy: one of its own, or those that the settings name.

    Parameters
    ----------
    model
        The embedded engine's model; None for running engines.

    Attributes
    ----------
    engines
        What requests are sent to.
    addresses
        Where the engines listen.
    """

    def __init__(self, settings: Settings, model: EmbeddedModel | None, metrics: Metrics) -> None:
        self._settings = settings
        self._model = model
        self._restarts = metrics.counter("lethe_engine_restarts", "Restarts of the embedded engine.")
        self.addresses = _addresses(settings, model)
        self._copies = _copies(settings, model)
        self.engines = EnginePool(
            [self._client(address) for address in self.addresses],
            EngineAdapters(self._copies, self.addresses[0].api_key or ""),
        )
        self.engines.show_in(metrics)
        self._process: EngineProcess | None = None
        self._capacity: AdapterCapacity | None = None
        self._identity = ServedModel.of(model.identity) if model and model.identity else None
        # In force, and those that are about to be, as they were loaded.
        self._targets: tuple[TargetSet, ...] = (TargetSet([]),)
        self._reported_unfit = ""
        self._reported_skew: dict[str, str | None] = {}
        # What is in force does not change while an engine is fitted with it.
        self._fitting = asyncio.Lock()

    @property
    def model(self) -> ServedModel | None:
        """The model that is served; None while it is not known."""
        facts = self.engines.facts
        return self._identity or (facts.model if facts else None)

    async def open(self) -> None:
        """Open the connection pools; must run inside the event loop."""
        if self._copies is not None:
            await asyncio.to_thread(self._copies.clear)
        await self.engines.open()

    async def start(self) -> None:
        """Start the embedded engine, or wait for the first of those that run; the others may come later.

        Raises
        ------
        OperatorError
            None answers, or the first one that does serves something else.
        BundleError
            It cannot do what the targets ask of it.
        """
        if self._model is None:
            await self._accept(await self._first_to_answer())
        else:
            self._process = self._make_process(self._model)
            await self._process.start()
            await self._accept(self.engines.clients[0])

    async def watch(self) -> None:
        """Keep the engines as they are to be; never ends."""
        if self._process is not None:
            await self._process.watch(lambda: self._accept(self.engines.clients[0]))
            return
        async with asyncio.TaskGroup() as watchers:
            for client in self.engines.clients:
                watchers.create_task(self._watch(client))

    async def close(self, drain_s: float = 0) -> None:
        """Stop the embedded engine; connections stay open for `EnginePool.close`.

        Parameters
        ----------
        drain_s
            How long it may go on with what others than the proxy have asked it.
        """
        self.engines.mark_unavailable("the server is stopping")
        if self._process is not None:
            await self._process.stop(drain_s)
        if self._copies is not None:
            await asyncio.to_thread(self._copies.clear)

    async def install(self, targets: TargetSet) -> None:
        """Check that targets can come into force, and give the engines their adapters, beside those that they have.

        Raises
        ------
        BundleError
            They cannot, or an engine does not take an adapter.
        """
        async with self._fitting:
            if self._identity is not None:
                self._refuse_unfit(targets, self._identity)
            for client in self.engines.clients:
                if client.ready:
                    self._check(targets, client)
            adapters = self._fitted(targets, self.model).adapters
            if self._process is not None:
                _check_capacity(adapters, self._capacity)
            await self.engines.adapters.install(adapters)
            self._targets = (*self._targets, targets)
            self._report_unfit()

    async def settle(self, targets: TargetSet) -> None:
        """Leave the engines with what these targets need, now that no decision is made by others."""
        async with self._fitting:
            self._targets = (targets,)
            await self.engines.adapters.settle(self._fitted(targets, self.model).adapters)

    def tokenizer(self) -> str | None:
        """Folder or hub id of the served model's tokenizer; None where it is not known."""
        if self._settings.engine.tokenizer:
            return self._settings.engine.tokenizer
        if self._model is not None:
            return self._model.source
        return next(iter(self.engines.facts.roots), None) if self.engines.facts else None

    def _client(self, address: EngineAddress) -> EngineClient:
        settings = self._settings.engine
        return EngineClient(
            address.url,
            address.api_key,
            connect_timeout_s=settings.connect_timeout_s,
            read_timeout_s=settings.read_timeout_s,
            total_timeout_s=settings.total_timeout_s,
            label="embedded" if self._model is not None else None,
        )

    def _make_process(self, model: EmbeddedModel) -> EngineProcess:
        settings = self._settings.engine
        adapters = [each for targets in self._targets for each in self._fitted(targets, self.model).adapters]
        self._capacity = _capacity(self._settings, adapters)
        command = engine_command(
            model.source,
            settings.served_model_name or settings.model,
            self.addresses[0],
            settings.args,
            self._capacity,
            self._settings.drain_timeout_s,
        )
        return EngineProcess(
            command,
            self.engines.clients[0],
            EngineLog(self._settings.cache_dir / "logs" / "engine.log"),
            startup_timeout_s=settings.startup_timeout_s,
            on_restart=self._restarts.inc,
        )

    async def _first_to_answer(self) -> EngineClient:
        deadline = time.monotonic() + self._settings.engine.startup_timeout_s
        clients = self.engines.clients
        addresses = ", ".join(client.base_url for client in clients)
        _LOGGER.info("engine: waiting for %s", addresses)
        told = ""
        while True:
            healthy = await asyncio.gather(*(client.healthy() for client in clients))
            for client, is_healthy in zip(clients, healthy, strict=True):
                if is_healthy:
                    return client
            reasons = ", ".join(f"{client.base_url} ({client.ailment})" for client in clients)
            if reasons != told:
                _LOGGER.info("engine: still waiting for %s", reasons)
                told = reasons
            if time.monotonic() > deadline:
                raise OperatorError(f"no engine answers at {reasons}; check engine.url")
            await asyncio.sleep(self._settings.engine.health_interval_s)

    async def _accept(self, client: EngineClient) -> None:
        await client.learn_facts()
        async with self._fitting:
            for targets in self._targets:
                self._check(targets, client)
            adapters = [
                each for targets in self._targets for each in self._fitted_to(client, targets).adapters
            ]
            try:
                await self.engines.adapters.prepare(client, adapters)
            except EngineNotReached as error:
                raise OperatorError(error.message) from None
            client.mark_ready()
            self._report_unfit()
            self._report_skew(client)

    def _report_skew(self, client: EngineClient) -> None:
        plugin = client.facts.plugin if client.facts else None
        skew = plugin.describe_skew() if plugin else None
        if skew and self._reported_skew.get(client.base_url) != skew:
            _LOGGER.warning(
                "engine %s: %s; they understand each other, but are meant to be of one release",
                client.base_url,
                skew,
            )
        self._reported_skew[client.base_url] = skew

    def _check(self, targets: TargetSet, client: EngineClient) -> None:
        facts = client.facts
        assert facts is not None
        fitted = self._fitted_to(client, targets)
        for other in self.engines.clients:
            if other is client or not other.ready or other.facts is None:
                continue
            if other.facts.names != facts.names:
                raise OperatorError(
                    f"{client.base_url} serves {', '.join(sorted(facts.names))}, but {other.base_url} serves "
                    f"{', '.join(sorted(other.facts.names))}; all engines must serve the same model"
                )
            unfit_there = self._fitted_to(other, targets).unfit
            if differing := {each.name for each in fitted.unfit} ^ {each.name for each in unfit_there}:
                raise BundleError(
                    f"{client.base_url} and {other.base_url} serve models of one name, but only one of these is what "
                    f"bundle {', '.join(sorted(differing))} was made for; all engines must serve the same model"
                )
        if self._identity is None:
            self._refuse_unfit(targets, facts.model)
        check_plugin(fitted, facts)

    def _fitted(self, targets: TargetSet, model: ServedModel | None) -> TargetSet:
        return targets.fitted(model, self._settings.policy.on_unfit)

    def _fitted_to(self, client: EngineClient, targets: TargetSet) -> TargetSet:
        return self._fitted(targets, self._identity or (client.facts.model if client.facts else None))

    def _refuse_unfit(self, targets: TargetSet, model: ServedModel) -> None:
        if self._settings.policy.on_unfit is OnUnfit.STOP:
            refuse_unfit(self._fitted(targets, model), model)

    def _report_unfit(self) -> None:
        """Tell of bundles that do not fit the model served, whenever these are others than before."""
        model, line = self.model, ""
        if model is not None:
            fitted = self._fitted(self._targets[-1], model)
            if fitted.unfit:
                settings = self._settings
                line = describe_unfit(fitted, model, settings.policy.on_unfit, settings.targets)
        if line and line != self._reported_unfit:
            _LOGGER.warning("%s", line)
        self._reported_unfit = line

    async def _watch(self, client: EngineClient) -> None:
        failed_checks = 0
        reported = ""
        while True:
            healthy = await client.healthy()
            failed_checks = 0 if healthy else failed_checks + 1
            if failed_checks == _FAILED_CHECKS_TO_CLOSE:
                _LOGGER.error("engine: %s does not answer, and is asked nothing", client.base_url)
            if failed_checks >= _FAILED_CHECKS_TO_CLOSE:
                client.mark_unavailable("its engine does not answer")
            elif healthy and not client.ready:
                # What comes back may be another engine than the one that went.
                try:
                    await self._accept(client)
                    _LOGGER.info("engine: %s is ready", client.base_url)
                    reported = ""
                except (OperatorError, BundleError) as error:
                    client.mark_unavailable("its engine is not fit to serve")
                    if str(error) != reported:
                        reported = str(error)
                        _LOGGER.error("engine: %s", error)
            await asyncio.sleep(self._settings.engine.health_interval_s)


def _addresses(settings: Settings, model: EmbeddedModel | None) -> tuple[EngineAddress, ...]:
    if model is not None:
        return (EngineAddress(f"http://127.0.0.1:{free_loopback_port()}", new_engine_key()),)
    key = settings.engine.api_key.get_secret_value() if settings.engine.api_key else None
    return tuple(EngineAddress(str(url), key) for url in settings.engine.url)


def _copies(settings: Settings, model: EmbeddedModel | None) -> AdapterCopies | None:
    adapters = settings.engine.adapters
    if model is not None:
        return AdapterCopies(settings.cache_dir / "run" / f"adapters-of-{settings.port}", shared=False)
    return AdapterCopies(adapters.folder, adapters.engine_folder, shared=True) if adapters.folder else None


def _capacity(settings: Settings, adapters: Sequence[Adapter]) -> AdapterCapacity | None:
    wished = settings.engine.adapters
    if not adapters and wished.slots is None:
        return None
    greatest = max((adapter.rank for adapter in adapters), default=16)
    return AdapterCapacity.of(wished.slots or len(adapters) + 1, wished.max_rank or greatest, len(adapters))


def _check_capacity(adapters: Sequence[Adapter], capacity: AdapterCapacity | None) -> None:
    for adapter in adapters:
        if capacity is None:
            raise BundleError(
                f"bundle {adapter.target} has an adapter, but the engine was started without any; restart the "
                "proxy, or start it with engine.adapters.slots set where adapters are to come later"
            )
        if adapter.rank > capacity.max_rank:
            raise BundleError(
                f"the adapter of bundle {adapter.target} has rank {adapter.rank}, and the engine was started for "
                f"ranks up to {capacity.max_rank}; set engine.adapters.max_rank and restart the proxy"
            )
