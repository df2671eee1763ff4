"""A build is read to its end, whatever it says."""

import asyncio
import sys
from typing import Any

import pytest

from lethe.server.console import builds

pytestmark = pytest.mark.anyio


async def ended(monkeypatch: pytest.MonkeyPatch, program: str) -> dict[str, Any]:
    """How a build ends that is this program."""
    monkeypatch.setattr(builds, "_LETHE", (sys.executable, "-c", program))
    running = builds.TargetBuilds()
    await running.start("marsh", [], {})
    async with asyncio.timeout(60):
        while (state := running.state("marsh"))["running"]:
            await asyncio.sleep(0.05)
    return state


async def test_a_line_longer_than_any_other_ends_no_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    state = await ended(monkeypatch, "print('x' * 300_000); print('the end')")
    assert state["status"] == 0
    assert state["lines"][-1] == "the end"
    assert len(state["lines"][0]) <= builds._LONGEST_LINE


async def test_a_bar_that_is_written_over_itself_is_shown_as_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    bar = "print(*('\\r%d %%' % percent + ' ' * 5_000 for percent in range(101)))"
    state = await ended(monkeypatch, f"print('begun'); {bar}; print('no more', end='')")
    assert state["lines"] == ["begun", "100 %", "no more"]
