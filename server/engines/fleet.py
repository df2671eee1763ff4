"""The engines of all models, as what the guard puts targets in force for."""

import asyncio
from collections.abc import Callable

from lethe.server.engines.client import EngineClient
from lethe.server.engines.models import Models
from lethe.server.engines.served import EmbeddedModel, Served
from lethe.server.engines.supervisor import Supervisor
from lethe.server.metrics import Kind, Metrics
from lethe.server.settings.settings import Settings
from lethe.server.targets.targets import TargetSet


class Fleet:
    """What serves the models of a proxy.

    Parameters
    ----------
    embedded
        What the engine that the proxy starts is to serve; None for running engines.

    Attributes
    ----------
    models
        What requests are sent to.
    supervisors
        One for each of these.
    """

    def __init__(self, settings: Settings, embedded: EmbeddedModel | None, metrics: Metrics) -> None:
        self._settings = settings
        self.models = Models(
            [Served(name, group, settings, embedded) for name, group in settings.groups.items()]
        )
        restarts = metrics.counter("lethe_engine_restarts", "Restarts of the embedded engine.")
        self.supervisors = tuple(
            Supervisor(served, settings, embedded, self.models, restarts) for served in self.models
        )
        _show_engines(self.models, metrics)

    async def open(self) -> None:
        """Open the connection pools; must run inside the event loop."""
        for each in self.supervisors:
            await each.open()

    async def start(self) -> None:
        """Start the embedded engine, or wait until one model can be asked, and a little for the others.

        Raises
        ------
        OperatorError, BundleError
            As of `Supervisor.start`, of any model.
        """
        starts = {asyncio.create_task(each.start()) for each in self.supervisors}
        try:
            done, waiting = await asyncio.wait(starts, return_when=asyncio.FIRST_COMPLETED)
            if waiting:
                done |= (await asyncio.wait(waiting, timeout=self._settings.engine.health_interval_s))[0]
            for task in done:
                task.result()
        finally:
            # What has not answered by now is taken up by `watch`.
            await _cancel(starts)

    async def watch(self) -> None:
        """Keep the engines as they are to be; never ends."""
        async with asyncio.TaskGroup() as watchers:
            for each in self.supervisors:
                watchers.create_task(each.watch())

    async def stop(self, drain_s: float = 0) -> None:
        """Stop the embedded engine; connections stay open for `close`.

        Parameters
        ----------
        drain_s
            How long it may go on with what others than the proxy have asked it.
        """
        for each in self.supervisors:
            await each.stop(drain_s)

    async def close(self) -> None:
        """Close every connection."""
        for each in self.models:
            await each.engines.close()

    async def install(self, targets: TargetSet) -> None:
        """Check that targets can come into force before every model, and give the engines their adapters.

        Raises
        ------
        BundleError
            They cannot, or an engine does not take an adapter.
        """
        for each in self.supervisors:
            await each.install(targets)

    async def settle(self, targets: TargetSet) -> None:
        """Leave the engines with what these targets need, now that no decision is made by others."""
        for each in self.supervisors:
            await each.settle(targets)


async def _cancel(tasks: set[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _show_engines(models: Models, metrics: Metrics) -> None:
    """Show how each engine fares."""

    def show(kind: Kind, name: str, meaning: str, read: Callable[[EngineClient], float]) -> None:
        metrics.show_each(
            kind,
            name,
            meaning,
            ("model", "engine"),
            lambda: [
                ((served.name, each.label), read(each))
                for served in models
                for each in served.engines.clients
            ],
        )

    show("gauge", "lethe_engine_up", "Whether an engine is asked (1) or not (0).", lambda each: each.ready)
    show(
        "gauge",
        "lethe_engine_requests_in_flight",
        "Answers of an engine that have not ended.",
        lambda each: each.in_flight,
    )
    show(
        "counter",
        "lethe_engine_failures",
        "Requests that an engine did not answer.",
        lambda each: each.failures,
    )
    show(
        "counter",
        "lethe_engine_key_refusals",
        "Requests that an engine answered with 401 or 403.",
        lambda each: each.key_refusals,
    )
