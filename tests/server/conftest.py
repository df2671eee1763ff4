"""A proxy on a real socket, before a recording engine."""

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pydantic
import pytest
import uvicorn
from fastapi import FastAPI
from uvicorn.server import ServerState

from lethe.bundle import Bundle
from lethe.classifier.errors import ClassifierError
from lethe.server.access.access import Access
from lethe.server.access.key_file import create_key
from lethe.server.access.keys import Scope
from lethe.server.access.limits import KeyLimits, LocalLimits
from lethe.server.app import create_app
from lethe.server.audit.log import AuditLog, NoAudit
from lethe.server.connections import Connections
from lethe.server.drain import Drain
from lethe.server.engines.fleet import Fleet
from lethe.server.guard.guard import Guard
from lethe.server.guard.score_sample import NoScoreSample, ScoreSampleFiles
from lethe.server.http_protocol import bounded_protocol
from lethe.server.media.reader import MediaReader
from lethe.server.metrics import Metrics
from lethe.server.reload import Reload
from lethe.server.request.placement import Placer
from lethe.server.request.tracing import NoTracing, Tracing
from lethe.server.settings.engines import EngineAdapterSettings, EngineGroupSettings
from lethe.server.settings.settings import Settings
from tests.server.stack import KeywordClassifier, RecordingEngine, Stack, write_target


@pytest.fixture(scope="session", autouse=True)
def _encoders(encoders_read_once: None) -> None: ...


@pytest.fixture(scope="session", autouse=True)
def _authorities(authorities_read_once: None) -> None: ...


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The target ``books``, for all tests to copy: writing it, with all that is verified of it, takes longer."""
    folder = tmp_path_factory.mktemp("written")
    write_target(folder, "books")
    return folder / "books"


@pytest.fixture
def targets(books: Path, tmp_path: Path) -> Path:
    """A folder with one target, ``books``, that is corrupted."""
    folder = tmp_path / "targets"
    folder.mkdir()
    shutil.copytree(books, folder / "books")
    return folder


@pytest.fixture
def keys() -> Path | None:
    """The file of keys; there is none, unless a module of tests makes one."""
    return None


@pytest.fixture
def key(keys: Path) -> str:
    """A key that may everything, in a module's file of keys."""
    return create_key(keys, scopes=set(Scope))[1]


@pytest.fixture
def limits() -> KeyLimits:
    """What counts the requests of keys."""
    return LocalLimits()


@pytest.fixture
def tracing() -> Tracing:
    """Who is told of the traces of requests."""
    return NoTracing()


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What is logged while the test runs, as far as `lethe serve` writes it."""
    caplog.set_level(logging.INFO, "lethe")
    return caplog


@pytest.fixture
def console() -> bool:
    """Whether there is one: not unless a module of tests asks it, since half of a proxy's routes are its own."""
    return False


@pytest.fixture
async def stack(
    targets: Path,
    keys: Path | None,
    limits: KeyLimits,
    tracing: Tracing,
    console: bool,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> AsyncIterator[Stack]:
    """The proxy with the settings of the test's ``settings`` mark, before as many engines as ``engines`` says.

    Or before one engine for each model that ``models`` names.
    """
    mark = request.node.get_closest_marker("settings")
    count = request.node.get_closest_marker("engines")
    models = request.node.get_closest_marker("models")
    given: dict[str, Any] = {} if console else {"console": {"enabled": False}}
    given |= mark.kwargs if mark else {}
    settings = Settings(targets=targets, keys=keys, **given)
    classifiers: list[KeywordClassifier] = []

    async def build(bundles: Sequence[Bundle]) -> KeywordClassifier:
        if any(bundle.name == "unreadable" for bundle in bundles):
            raise ClassifierError("the head of unreadable cannot be read")
        names = [bundle.name for bundle in bundles]
        judging = [bundle.name for bundle in bundles if bundle.answer_classifier]
        classifiers.append(KeywordClassifier(names, judging))
        return classifiers[-1]

    metrics = Metrics()
    engines = [RecordingEngine() for _ in range(count.args[0] if count else 1)]
    if models:
        engines = [RecordingEngine(served=name, root=name) for name in models.args[0].values()]
    async with AsyncExitStack() as running:
        for engine in engines:
            await running.enter_async_context(engine.running())
        urls = [pydantic.AnyHttpUrl(engine.url) for engine in engines]
        adapters = EngineAdapterSettings(folder=tmp_path / "shared")
        one = {"url": tuple(urls), "adapters": adapters}
        shared = {"api_key": pydantic.SecretStr("engine-key"), "health_interval_s": 0.1}
        address = settings.engine.model_copy(update=shared | ({} if models else one))
        settings = settings.model_copy(update={"engine": address})
        if models:
            aliases = models.kwargs.get("aliases", {})
            groups = {
                name: EngineGroupSettings(url=(url,), aliases=aliases.get(name, ()), adapters=adapters)
                for name, url in zip(models.args[0], urls, strict=True)
            }
            settings = settings.model_copy(update={"engines": groups})
        fleet = Fleet(settings, None, metrics)
        clients = [client for served in fleet.models for client in served.engines.clients]
        asked = settings.classifier.score_sample
        sample = ScoreSampleFiles(asked.folder, asked) if asked.folder else NoScoreSample()
        guard = Guard(targets, build, fleet, settings.policy, metrics, sample)
        await fleet.open()
        access = Access(settings.keys, limits)
        access.load()
        reload = Reload(guard, access.load)
        await guard.load()
        await fleet.start()
        if len(engines) > 1:
            running.enter_context(cancelling(asyncio.create_task(fleet.watch())))
        while not all(client.ready for client in clients):
            await asyncio.sleep(0.01)
        reader = MediaReader(settings.media, settings.policy.parts, settings.classifier.deadline_seconds)
        running.push_async_callback(reader.close)
        audit = NoAudit()
        if settings.audit.folder is not None:
            audit = AuditLog(settings.audit.folder, max_bytes=1 << 16, keep=3)
            audit.show_in(metrics)
        app = create_app(
            settings,
            models=fleet.models,
            guard=guard,
            placer=Placer(metrics),
            reader=reader,
            access=access,
            reload=reload,
            metrics=metrics,
            audit=audit,
            tracing=tracing,
            drain=Drain(0),
        )
        async with serving(app, settings) as port:
            url = f"http://127.0.0.1:{port}"
            # There is no TLS, and reading the certificates for it takes as long as most tests.
            async with httpx.AsyncClient(base_url=url, timeout=10, verify=False) as client:
                yield Stack(
                    client, port, engines[0], clients[0], guard, access, audit, classifiers, engines, fleet
                )
            for engine in engines:
                engine.hold.set()
        sample.close()
        await fleet.stop()
        await fleet.close()
        if isinstance(audit, AuditLog):
            audit.close()


@contextmanager
def cancelling(task: asyncio.Task[None]) -> Iterator[None]:
    """Cancel a task in the end."""
    yield
    task.cancel()


@asynccontextmanager
async def serving(app: FastAPI, settings: Settings) -> AsyncIterator[int]:
    """Serve as `lethe.server.serve` does, without the waits of a server that runs for long; gives the port."""
    protocol = bounded_protocol(settings.limits, Drain(0), Connections(settings.limits.max_connections))
    config = uvicorn.Config(app, http=protocol, ws="none", lifespan="off", log_level="critical")
    config.load()
    state = ServerState()

    def connection() -> asyncio.Protocol:
        return protocol(config=config, server_state=state, app_state={})  # pyright: ignore[reportCallIssue]

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for each in list(state.connections):
        each.shutdown()
    await asyncio.gather(*state.tasks, return_exceptions=True)
