"""A proxy on a real socket, before a recording engine."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import httpx
import pytest
import uvicorn

from bundle import Bundle
from server.app import create_app
from server.guard import Guard
from server.metrics import Metrics
from server.placement import Placer
from server.settings import Settings
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
async def stack(targets: Path, request: pytest.FixtureRequest) -> AsyncIterator[Stack]:
    """The proxy with the settings of the test's ``settings`` mark, if it has one."""
    mark = request.node.get_closest_marker("settings")
    settings = Settings(targets=targets, **(mark.kwargs if mark else {}))
    classifiers: list[KeywordClassifier] = []

    async def build(bundles: Sequence[Bundle]) -> KeywordClassifier:
        classifiers.append(KeywordClassifier([bundle.name for bundle in bundles]))
        return classifiers[-1]

    metrics = Metrics()
    engine = RecordingEngine()
    async with engine.running():
        upstream = EngineClient(engine.url, "engine-key", connect_timeout_s=1, read_timeout_s=5)
        guard = Guard(targets, build, lambda targets: None, settings.policy, metrics)
        await upstream.open()
        await guard.load()
        await upstream.learn_facts()
        upstream.mark_ready()
        config = uvicorn.Config(
            create_app(settings, upstream, guard, Placer(lambda: None), metrics),
            port=0,
            log_level="error",
            lifespan="off",
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server._serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            yield Stack(client, engine, upstream, guard, classifiers)
        engine.hold.set()
        server.should_exit = True
        await serving
        await upstream.close()
