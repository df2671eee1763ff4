"""A proxy on a real socket, before a recording engine."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from uvicorn.server import ServerState

from bundle import Bundle
from server.access import Access
from server.app import create_app
from server.audit import AuditLog, NoAudit
from server.components import Components
from server.guard import Guard
from server.http_protocol import bounded_protocol
from server.key_limits import KeyLimits, LocalLimits
from server.metrics import Metrics
from server.placement import Placer
from server.reload import Reload
from server.settings import Settings
from server.tracing import NoTracing, Tracing
from server.upstream import EngineClient
from tests.server.stack import KeywordClassifier, RecordingEngine, Stack, write_target


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def targets(tmp_path: Path) -> Path:
    """A folder with one target, ``books``, that is corrupted."""
    folder = tmp_path / "targets"
    folder.mkdir()
    write_target(folder, "books")
    return folder


@pytest.fixture
def keys() -> Path | None:
    """The file of keys; there is none, unless a module of tests makes one."""
    return None


@pytest.fixture
def limits() -> KeyLimits:
    """What counts the requests of keys."""
    return LocalLimits()


@pytest.fixture
def tracing() -> Tracing:
    """Who is told of the traces of requests."""
    return NoTracing()


@pytest.fixture
async def stack(
    targets: Path, keys: Path | None, limits: KeyLimits, tracing: Tracing, request: pytest.FixtureRequest
) -> AsyncIterator[Stack]:
    """The proxy with the settings of the test's ``settings`` mark, if it has one."""
    mark = request.node.get_closest_marker("settings")
    settings = Settings(targets=targets, keys=keys, **(mark.kwargs if mark else {}))
    classifiers: list[KeywordClassifier] = []

    async def build(bundles: Sequence[Bundle]) -> KeywordClassifier:
        classifiers.append(KeywordClassifier([bundle.name for bundle in bundles]))
        return classifiers[-1]

    metrics = Metrics()
    engine = RecordingEngine()
    async with engine.running():
        upstream = EngineClient(
            engine.url,
            "engine-key",
            connect_timeout_s=settings.engine.connect_timeout_s,
            read_timeout_s=settings.engine.read_timeout_s,
            total_timeout_s=settings.engine.total_timeout_s,
        )
        guard = Guard(targets, build, lambda targets: None, settings.policy, metrics)
        await upstream.open()
        access = Access(settings.keys, limits)
        access.load()
        reload = Reload(guard, access, lambda line: None)
        await guard.load()
        await upstream.learn_facts()
        upstream.mark_ready()
        audit = NoAudit()
        if settings.audit.folder is not None:
            audit = AuditLog(settings.audit.folder, max_bytes=1 << 16, keep=3)
            metrics.watch_audit(audit)
        components = Components(
            settings, upstream, guard, Placer(lambda: None), access, reload, metrics, audit, tracing
        )
        async with serving(create_app(components), settings) as port:
            url = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=url, timeout=10) as client:
                yield Stack(client, port, engine, upstream, guard, access, audit, classifiers)
            engine.hold.set()
        await upstream.close()
        if isinstance(audit, AuditLog):
            audit.close()


@asynccontextmanager
async def serving(app: FastAPI, settings: Settings) -> AsyncIterator[int]:
    """Serve as `server.serve` does, without the waits of a server that runs for long; gives the port."""
    protocol = bounded_protocol(settings.limits)
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
