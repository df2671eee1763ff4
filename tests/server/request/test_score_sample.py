"""Of what clients ask, the sample of scores has its share; of what administrators judge, nothing."""

import asyncio
from pathlib import Path

import pytest

from lethe.classifier.sampled_scores import read_sampled_scores
from tests.server.stack import Stack, chat

pytestmark = pytest.mark.anyio


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where scores are kept; asked for before the proxy."""
    monkeypatch.setenv("LETHE_CLASSIFIER__SCORE_SAMPLE__FOLDER", str(tmp_path / "scores"))
    monkeypatch.setenv("LETHE_CLASSIFIER__SCORE_SAMPLE__SHARE", "1")
    return tmp_path / "scores"


async def test_the_scores_of_a_clients_request_are_kept_without_its_text(folder: Path, stack: Stack) -> None:
    await stack.client.post("/v1/chat/completions", json=chat("Harry Potter?"))
    await stack.client.post("/v1/chat/completions", json=chat("hello"))
    async with asyncio.timeout(10):
        while len(rows := list(read_sampled_scores(folder))) < 2:
            await asyncio.sleep(0.01)
    assert [row.targets["books"].reach for row in rows] == [1.0, 0.0]
    assert "Potter" not in "".join(path.read_text() for path in folder.iterdir())
