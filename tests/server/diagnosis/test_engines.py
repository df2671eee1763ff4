"""Engines are asked what the proxy will ask them, and what is wrong is named before a request meets it."""

from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path

import pytest

from lethe.server.diagnosis.check import Health, Observation
from lethe.server.diagnosis.engines import check_engines, compared_clocks
from lethe.server.settings.loading import load_settings
from tests.server.stack import RecordingEngine, write_target

pytestmark = pytest.mark.anyio


@pytest.fixture
async def engine() -> AsyncIterator[RecordingEngine]:
    recording = RecordingEngine()
    async with recording.running():
        yield recording


async def found(url: str, tmp_path: Path) -> dict[str, Observation]:
    """What is found of a proxy with one target and the engine there, by the first word of what was looked at."""
    targets = tmp_path / "targets"
    targets.mkdir(exist_ok=True)
    write_target(targets, "books")
    settings = load_settings(
        None,
        {"targets": targets, "cache_dir": tmp_path / "cache", "engine": {"url": url, "tokenizer": "/none"}},
    )
    return {check.subject.split()[0]: check async for check in check_engines(settings)}


async def test_an_engine_of_our_release_is_well(engine: RecordingEngine, tmp_path: Path) -> None:
    engine.metrics_page = f'lethe_plugin_info{{version="{version("lethegate")}",wire="1"}} 1.0\n'
    checks = await found(engine.url, tmp_path)
    assert checks["engine"].words == "serves org/model"
    assert checks["plugin"].health is Health.WELL
    assert checks["clock"].health is Health.WELL
    assert checks["tokenizer"].health is Health.DOUBTFUL


@pytest.mark.parametrize(
    ("page", "health", "words"),
    [
        ("", Health.FAULTY, "does not run Lethe's plugin"),
        ('lethe_plugin_info{version="9.0.0",wire="99"} 1.0\n', Health.FAULTY, "reads other corruptions"),
        ('lethe_plugin_info{version="9.0.0",wire="1"} 1.0\n', Health.DOUBTFUL, "of release 9.0.0"),
    ],
)
async def test_a_plugin_that_does_not_go_with_the_proxy_is_found(
    engine: RecordingEngine, tmp_path: Path, page: str, health: Health, words: str
) -> None:
    engine.metrics_page = page
    plugin = (await found(engine.url, tmp_path))["plugin"]
    assert plugin.health is health
    assert words in plugin.words


async def test_an_engine_that_is_not_well_or_not_there_is_a_fault(
    engine: RecordingEngine, tmp_path: Path
) -> None:
    engine.health_pages["/health"] = 503
    assert (await found(engine.url, tmp_path))["engine"].words == "it answers 503 to /health"
    assert "no connection" in (await found("http://127.0.0.1:1", tmp_path))["engine"].words


@pytest.mark.parametrize(
    ("ahead", "health", "words"),
    [
        (0.4, Health.WELL, "within 5 s of this machine's"),
        (-4.0, Health.WELL, "within 5 s of this machine's"),
        (5.5, Health.DOUBTFUL, "6 s ahead of this machine's"),
        (-20.0, Health.DOUBTFUL, "20 s behind this machine's"),
        (
            90.0,
            Health.FAULTY,
            "90 s ahead of this machine's; keys and entries of the log are dated by it",
        ),
    ],
)
def test_clocks_differ_by_no_more_than_a_header_can_tell(ahead: float, health: Health, words: str) -> None:
    told = compared_clocks("clock", ahead)
    assert (told.health, told.words) == (health, words)
