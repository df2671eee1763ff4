"""What takes long to read is read beside the other requests, which go on meanwhile."""

from pathlib import Path
from typing import Any

import pytest

from lethe.server.access.key_file import create_key
from lethe.server.endpoints import ChatRequest
from lethe.server.endpoints.checks import CheckRequest
from lethe.server.endpoints.scrub import scrub
from tests.server.loop_turns import seconds, turns
from tests.server.stack import MODEL, Stack

pytestmark = pytest.mark.anyio

MANY = 20_000
PARTS: dict[str, Any] = {
    "model": MODEL,
    "messages": [{"role": "user", "content": [{"type": "text", "text": "ab"}] * MANY}],
}
MESSAGES: dict[str, Any] = {"messages": [{"role": "user", "content": "ab"}] * MANY}


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A file with a key, `key` another."""
    create_key(tmp_path / "keys.yaml")
    return tmp_path / "keys.yaml"


async def test_checking_what_a_request_may_not_set_keeps_nobody_waiting(key: str, stack: Stack) -> None:
    request = ChatRequest(PARTS)
    async with turns() as watched:
        await stack.client.post(
            "/v1/chat/completions", json=PARTS, headers={"Authorization": f"Bearer {key}"}
        )
    assert stack.engine.requests
    assert watched.longest < 0.5 * seconds(lambda: scrub(request, [MODEL]))


async def test_reading_what_is_answered_keeps_nobody_waiting(key: str, stack: Stack) -> None:
    asked = CheckRequest(MESSAGES)
    async with turns() as watched:
        headers = {"Authorization": f"Bearer {key}"}
        response = await stack.client.post("/v1/checks", json=MESSAGES | {"answer": "ab"}, headers=headers)
    assert response.status_code == 200
    assert watched.longest < 0.5 * seconds(lambda: asked.conversation)
