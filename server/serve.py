"""The proxy's life: check, start the engine, serve, drain, stop."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import time
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from starlette.types import ASGIApp, Receive, Scope, Send

from lethe.bundle import BundleError
from lethe.server.access.access import Access
from lethe.server.access.limits import KeyLimits, LocalLimits
from lethe.server.access.redis_limits import RedisLimits
from lethe.server.app import create_app
from lethe.server.audit.log import Audit, AuditLog, NoAudit
from lethe.server.connections import Connections, connections_within_files
from lethe.server.drain import Drain
from lethe.server.engines.address import published
from lethe.server.engines.fleet import Fleet
from lethe.server.engines.served import EmbeddedModel
from lethe.server.error_forms import error_form_of
from lethe.server.errors import OperatorError, ServerStopping
from lethe.server.guard.classification import ClassifierFactory
from lethe.server.guard.guard import Guard
from lethe.server.guard.score_sample import NoScoreSample, ScoreSample, ScoreSampleFiles
from lethe.server.http_protocol import bounded_protocol
from lethe.server.listening import Certificate, listening, shown_address
from lethe.server.log import log_to_standard_output
from lethe.server.media.reader import MediaReader, check_media_packages
from lethe.server.metrics import Metrics
from lethe.server.reload import Reload
from lethe.server.request.placement import Placer
from lethe.server.request.tracing import NoTracing, Tracing
from lethe.server.settings.settings import Settings
from lethe.server.watch import Watch

_LOGGER = logging.getLogger("lethe.serve")
# For clients to take what a request that was cut ends with.
_LAST_WORDS_S = 3


def run(settings: Settings, model: EmbeddedModel | None) -> None:
    """Serve until stopped by SIGTERM or SIGINT; SIGHUP loads the bundles anew.

    Parameters
    ----------
    model
        The embedded engine's model; None for running engines, which the settings name.

    Raises
    ------
    OperatorError
        Something that the proxy needs is not as it must be.
    """
    log_to_standard_output(settings.log_format)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_Proxy(settings, model).run())
    except BundleError as error:
        raise OperatorError(str(error)) from None


class _Proxy:
    def __init__(self, settings: Settings, model: EmbeddedModel | None) -> None:
        self._settings = settings
        self._metrics = Metrics()
        self._fleet = Fleet(settings, model, self._metrics)
        self._models = self._fleet.models
        self._limits = self._make_limits()
        self._access = Access(settings.keys, self._limits)
        classifiers = ClassifierFactory(settings)
        classifiers.show_in(self._metrics)
        self._sample = self._open_score_sample()
        self._guard = Guard(
            settings.targets,
            classifiers,
            self._fleet,
            settings.policy,
            self._metrics,
            self._sample,
            settings.signers,
        )
        check_media_packages(settings.policy.parts)
        self._reader = MediaReader(
            settings.media, settings.policy.parts, settings.classifier.deadline_seconds
        )
        self._audit = self._open_audit()
        self._certificate = Certificate(settings.tls) if settings.tls.cert else None
        loaders = (self._access.load, *([self._certificate.load] if self._certificate else []))
        self._reload = Reload(self._guard, *loaders, audit=self._audit)
        self._tracing = self._start_tracing()
        self._drain = Drain(settings.drain_timeout_s)
        self._connections = self._make_room()

    async def run(self) -> None:
        started = time.monotonic()
        settings = self._settings
        # Made before anything is read, so that no change falls between.
        watches = {path: Watch(path) for path in self._watched()}
        with listening(settings) as listener:
            server = _Server(self._app(), settings, self._drain, self._connections, self._certificate)
            async with contextlib.AsyncExitStack() as stack:
                stack.push_async_callback(self._close)
                self._access.load()
                await self._limits.open()
                await self._fleet.open()
                self._reload_on_hangup()
                await self._reader.start()
                await self._guard.load()
                self._reload.record_versions()
                stack.enter_context(
                    published(self._models.first.addresses[0], settings.cache_dir, settings.port)
                )
                serving = await stack.enter_async_context(_background(server.serve([listener])))
                stack.enter_context(_stopping_on_signals(server))
                for path, watch in watches.items():
                    await stack.enter_async_context(_background(self._take_up_changes(path, watch)))
                if await _first(self._fleet.start(), serving):
                    if not self._drain.begun:
                        self._settle_down(time.monotonic() - started)
                    await _first(self._fleet.watch(), serving)
                    await serving

    def _watched(self) -> Iterable[Path]:
        if not self._settings.watch:
            return ()
        certificate = self._certificate.files if self._certificate else ()
        return filter(
            None, (self._settings.targets, self._settings.signers, self._settings.keys, *certificate)
        )

    def _make_limits(self) -> KeyLimits:
        settings = self._settings.redis
        if settings.url is None:
            return LocalLimits()
        limits = RedisLimits(settings.url.get_secret_value(), timeout_s=settings.timeout_s)
        limits.show_in(self._metrics)
        return limits

    def _make_room(self) -> Connections:
        wanted = self._settings.limits.max_connections
        most = connections_within_files(wanted)
        if most < wanted:
            _LOGGER.warning(
                "clients may have %d connections, not %d: this process may not open more files (ulimit -n)",
                most,
                wanted,
            )
        connections = Connections(most)
        connections.show_in(self._metrics)
        return connections

    def _open_audit(self) -> Audit:
        settings = self._settings.audit
        if settings.folder is None:
            return NoAudit()
        log = AuditLog(
            settings.folder,
            max_bytes=settings.max_bytes,
            keep=settings.keep,
            max_waiting_bytes=settings.max_waiting_bytes,
        )
        log.show_in(self._metrics)
        return log

    def _open_score_sample(self) -> ScoreSample:
        settings = self._settings.classifier.score_sample
        return ScoreSampleFiles(settings.folder, settings) if settings.folder else NoScoreSample()

    def _start_tracing(self) -> Tracing:
        settings = self._settings.tracing
        if settings.endpoint is None:
            return NoTracing()
        try:
            from lethe.server.request.open_telemetry import OpenTelemetry
        except ModuleNotFoundError:
            raise OperatorError(
                "tracing.endpoint needs a library: pip install 'lethegate[tracing]'"
            ) from None
        return OpenTelemetry(settings)

    def _app(self) -> ASGIApp:
        return create_app(
            self._settings,
            models=self._models,
            guard=self._guard,
            placer=Placer(self._metrics),
            reader=self._reader,
            access=self._access,
            reload=self._reload,
            metrics=self._metrics,
            audit=self._audit,
            tracing=self._tracing,
            drain=self._drain,
        )

    async def _close(self) -> None:
        await self._fleet.stop(self._drain.seconds_left)
        await self._guard.close()
        await self._reader.close()
        self._sample.close()
        await self._fleet.close()
        await self._limits.close()
        if isinstance(self._audit, AuditLog):
            self._audit.close()
        self._tracing.close()

    def _reload_on_hangup(self) -> None:
        asyncio.get_running_loop().add_signal_handler(
            signal.SIGHUP, lambda: asyncio.ensure_future(self._reload())
        )

    async def _take_up_changes(self, path: Path, watch: Watch) -> None:
        try:
            await watch.run(self._reload)
        except (OSError, RuntimeError) as error:
            _LOGGER.warning("changes of %s are not watched, send SIGHUP instead: %s", path, error)

    def _settle_down(self, seconds: float) -> None:
        # What is loaded by now stays; scanning it again and again would stall requests for tens of milliseconds.
        gc.collect()
        gc.freeze()
        names = ", ".join(sorted(name for each in self._models for name in each.names))
        _LOGGER.info("targets: %s", self._guard.describe())
        if self._access.is_open:
            _LOGGER.warning("no keys are set up: every client is served; see `lethe keys create`")
        _LOGGER.info("ready after %.1f s: %s at %s", seconds, names, shown_address(self._settings))


class _Server(uvicorn.Server):
    """uvicorn, leaving signals to the proxy, which has an engine to stop after the last request."""

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        drain: Drain,
        connections: Connections,
        certificate: Certificate | None,
    ) -> None:
        self._settings = settings
        self._drain = drain
        super().__init__(
            uvicorn.Config(
                _answering_when_cancelled(app),
                lifespan="off",
                log_level="warning",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                http=bounded_protocol(settings.limits, drain, connections),
                ws="none",
            )
        )
        self.config.load()
        # By the names of files it would make a context that nothing could be loaded into again.
        self.config.ssl = certificate and certificate.context

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self, number: signal.Signals) -> None:
        """Stop after the requests in flight; asked a second time, at once.

        Parameters
        ----------
        number
            The signal that asks for it: no balancer has to hear of a stop from a terminal.
        """
        if self._drain.begun:
            self._drain.abandon()
            self._cut()
            self._leave()
            return
        self._drain.begin()
        for connection in self.server_state.connections:
            connection.end_with_answer()  # pyright: ignore[reportAttributeAccessIssue]
        timeout = self._settings.drain_timeout_s
        delay = self._settings.drain_delay_s if number is signal.SIGTERM else 0
        loop = asyncio.get_running_loop()
        loop.call_later(min(delay, timeout), self._take_no_more)
        loop.call_later(timeout, self._cut)
        _LOGGER.info("stopping after %s, in %s s at the latest", self._in_flight(), timeout)

    def _take_no_more(self) -> None:
        self.should_exit = True

    def _cut(self) -> None:
        if self.server_state.tasks:
            _LOGGER.warning("stopping: cut %s that had not ended", self._in_flight())
        for task in self.server_state.tasks:
            task.cancel()
        asyncio.get_running_loop().call_later(_LAST_WORDS_S, self._leave)

    def _leave(self) -> None:
        self.force_exit = self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        # Of clients that do not even take their last words.
        for connection in self.server_state.connections:
            connection.transport.abort()

    def _in_flight(self) -> str:
        count = len(self.server_state.tasks)
        return f"{count} request{'s' * (count != 1)} in flight"


def _answering_when_cancelled(app: ASGIApp) -> ASGIApp:
    """Requests that end with the proxy are answered that it stops; streams see to that themselves."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except asyncio.CancelledError:
            await error_form_of(scope).response(ServerStopping())(scope, receive, send)

    return answer


@contextlib.contextmanager
def _stopping_on_signals(server: _Server) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop, number)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


@contextlib.asynccontextmanager
async def _background(work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _first(work: Coroutine[Any, Any, None], other: asyncio.Task[None]) -> bool:
    """Do some work unless another task ends first; whether it was done."""
    async with _background(work) as task:
        await asyncio.wait({task, other}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            return False
        task.result()
        return True
