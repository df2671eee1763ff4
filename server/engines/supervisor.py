"""The life of one model's engines: started or waited for, fitted with what the targets need, watched, stopped.

An engine is asked only while it is accepted: it answers, serves the model that the others serve, carries out what the
targets in force ask of it and has their adapters.
"""

import asyncio
import logging
import time
from collections.abc import Sequence

from prometheus_client import Counter

from lethe.bundle import BundleError
from lethe.server.engines.client import EngineClient
from lethe.server.engines.facts import EngineFacts
from lethe.server.engines.fitness import check_plugin, describe_unfit, refuse_unfit
from lethe.server.engines.log import EngineLog
from lethe.server.engines.models import Models
from lethe.server.engines.process import AdapterCapacity, EngineProcess, engine_command
from lethe.server.engines.served import EmbeddedModel, Served
from lethe.server.errors import EngineNotReached, OperatorError
from lethe.server.settings.policy import OnUnfit
from lethe.server.settings.settings import Settings
from lethe.server.targets.adapter import Adapter
from lethe.server.targets.served_model import ServedModel
from lethe.server.targets.targets import TargetSet

_LOGGER = logging.getLogger("lethe.engines")
_FAILED_CHECKS_TO_CLOSE = 2
# A router is well while one of its engines is, and goes on asking a dead one of it what it is until it has noticed.
_UNANSWERED_LOOKS_TO_CLOSE = 12
_SILENT = "its engine does not answer"


class Supervisor:
    """The engines of one model: one of the proxy's own, or those that the settings name.

    Parameters
    ----------
    embedded
        What the embedded engine is to serve; None for running engines.
    neighbours
        All models; no two may go by one name.
    restarts
        Counts those of the embedded engine.

    Attributes
    ----------
    served
        The model.
    """

    def __init__(
        self,
        served: Served,
        settings: Settings,
        embedded: EmbeddedModel | None,
        neighbours: Models,
        restarts: Counter,
    ) -> None:
        self.served = served
        self._settings = settings
        self._embedded = embedded
        self._neighbours = neighbours
        self._restarts = restarts
        self._engines = served.engines
        self._process: EngineProcess | None = None
        self._capacity: AdapterCapacity | None = None
        # In force, and those that are about to be, as they were loaded.
        self._targets: tuple[TargetSet, ...] = (TargetSet([]),)
        self._reported_unfit = ""
        self._reported_skew: dict[str, str | None] = {}
        # What is in force does not change while an engine is fitted with it.
        self._fitting = asyncio.Lock()

    async def open(self) -> None:
        """Open the connection pools; must run inside the event loop."""
        if self.served.copies is not None:
            await asyncio.to_thread(self.served.copies.clear)
        await self._engines.open()

    async def start(self) -> None:
        """Start the embedded engine, or wait for the first of those that run; the others may come later.

        Raises
        ------
        OperatorError
            None answers, or the first one that does serves something else.
        BundleError
            It cannot do what the targets ask of it.
        """
        if self._embedded is None:
            await self._accept(await self._first_to_answer())
        else:
            self._process = self._make_process(self._embedded)
            await self._process.start()
            await self._accept(self._engines.clients[0])

    async def watch(self) -> None:
        """Keep the engines as they are to be; never ends."""
        if self._process is not None:
            await self._process.watch(lambda: self._accept(self._engines.clients[0]))
            return
        async with asyncio.TaskGroup() as watchers:
            for client in self._engines.clients:
                watchers.create_task(self._watch(client))

    async def stop(self, drain_s: float = 0) -> None:
        """Stop the embedded engine; connections stay open.

        Parameters
        ----------
        drain_s
            How long it may go on with what others than the proxy have asked it.
        """
        self._engines.mark_unavailable("the server is stopping")
        if self._process is not None:
            await self._process.stop(drain_s)
        if self.served.copies is not None:
            await asyncio.to_thread(self.served.copies.clear)

    async def install(self, targets: TargetSet) -> None:
        """Check that targets can come into force, and give the engines their adapters, beside those that they have.

        Raises
        ------
        BundleError
            They cannot, or an engine does not take an adapter.
        """
        async with self._fitting:
            if self.served.identity is not None:
                self._refuse_unfit(targets, self.served.identity)
            for client in self._engines.clients:
                if client.ready:
                    self._check(targets, client)
            adapters = self._fitted(targets, self.served.model).adapters
            if self.served.model is None and self._neighbours.are_several:
                # Which of several models an adapter is for shows when an engine answers.
                adapters = ()
            if self._process is not None:
                _check_capacity(adapters, self._capacity)
            await self._engines.adapters.install(adapters)
            self._targets = (*self._targets, targets)
            self._report_unfit()

    async def settle(self, targets: TargetSet) -> None:
        """Leave the engines with what these targets need, now that no decision is made by others."""
        async with self._fitting:
            self._targets = (targets,)
            await self._engines.adapters.settle(self._fitted(targets, self.served.model).adapters)

    def _make_process(self, embedded: EmbeddedModel) -> EngineProcess:
        settings = self._settings.engine
        adapters = [
            each for targets in self._targets for each in self._fitted(targets, self.served.model).adapters
        ]
        self._capacity = _capacity(self._settings, adapters)
        command = engine_command(
            embedded.source,
            settings.served_model_name or settings.model,
            self.served.addresses[0],
            settings.args,
            self._capacity,
            self._settings.drain_timeout_s,
        )
        return EngineProcess(
            command,
            self._engines.clients[0],
            EngineLog(self._settings.cache_dir / "logs" / "engine.log"),
            startup_timeout_s=settings.startup_timeout_s,
            on_restart=self._restarts.inc,
        )

    async def _first_to_answer(self) -> EngineClient:
        deadline = time.monotonic() + self._settings.engine.startup_timeout_s
        clients = self._engines.clients
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
                await self._engines.adapters.prepare(client, adapters)
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
        for other in self._engines.clients:
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
        self._refuse_taken_names(client, facts)
        if self.served.identity is None:
            self._refuse_unfit(targets, facts.model)
        check_plugin(fitted, facts)

    def _refuse_taken_names(self, client: EngineClient, facts: EngineFacts) -> None:
        for other in self._neighbours:
            if other is not self.served and (shared := facts.names & other.names):
                raise OperatorError(
                    f"{client.base_url} serves {', '.join(sorted(shared))}, as {other.name} does; a name must stand for "
                    "one model: start vLLM with another --served-model-name"
                )

    def _fitted(self, targets: TargetSet, model: ServedModel | None) -> TargetSet:
        return targets.fitted(model, self._settings.policy.on_unfit)

    def _fitted_to(self, client: EngineClient, targets: TargetSet) -> TargetSet:
        return self._fitted(targets, self.served.identity or (client.facts.model if client.facts else None))

    def _refuse_unfit(self, targets: TargetSet, model: ServedModel) -> None:
        if self._settings.policy.on_unfit is OnUnfit.STOP:
            refuse_unfit(self._fitted(targets, model), model)

    def _report_unfit(self) -> None:
        """Tell of bundles that do not fit the model served, whenever these are others than before."""
        model, line = self.served.model, ""
        if model is not None:
            fitted = self._fitted(self._targets[-1], model)
            if fitted.unfit:
                settings = self._settings
                line = describe_unfit(fitted, model, settings.policy.on_unfit, settings.targets)
        if line and line != self._reported_unfit:
            _LOGGER.warning("%s", line)
        self._reported_unfit = line

    async def _watch(self, client: EngineClient) -> None:
        failed_checks = unanswered_looks = 0
        reported = ""
        while True:
            healthy = await client.healthy()
            known = healthy and await self._answers_for_itself(client)
            failed_checks = 0 if healthy else failed_checks + 1
            unanswered_looks = 0 if known else unanswered_looks + 1
            if failed_checks >= _FAILED_CHECKS_TO_CLOSE or unanswered_looks >= _UNANSWERED_LOOKS_TO_CLOSE:
                if client.unavailable_because != _SILENT:
                    _LOGGER.error("engine: %s does not answer, and is asked nothing", client.base_url)
                client.mark_unavailable(_SILENT)
            elif known and not client.ready:
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

    async def _answers_for_itself(self, client: EngineClient) -> bool:
        """Whether an engine says what it is; one that is asked, and is another by now, is asked no longer.

        What stands behind an address can be exchanged between two looks at its health, which then knows of nothing. An
        engine without the plugin would answer flagged prompts as they are.
        """
        if not client.ready:
            return True
        try:
            if not await client.is_as_learned():
                client.mark_unavailable("its engine is another than before")
                _LOGGER.warning("engine: %s is another than before, and is looked at anew", client.base_url)
        except OperatorError as error:
            client.ailment = str(error)
            return False
        return True


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
