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


async def ask(stack: Stack, path: str, key: str, body: dict[str, Any]) -> None:
    """Have something answered, however long that takes."""
    headers = {"Authorization": f"Bearer {key}"}
    assert (await stack.client.post(path, json=body, headers=headers, timeout=100)).status_code == 200


async def test_checking_what_a_request_may_not_set_keeps_nobody_waiting(key: str, stack: Stack) -> None:
    request = ChatRequest(PARTS)
    async with turns() as watched:
        await ask(stack, "/v1/chat/completions", key, PARTS)
    assert stack.engine.requests
    assert watched.longest < 0.5 * seconds(lambda: scrub(request, [MODEL]))


async def test_reading_what_is_answered_keeps_nobody_waiting(key: str, stack: Stack) -> None:
    asked = CheckRequest(MESSAGES)
    async with turns() as watched:
        await ask(stack, "/v1/checks", key, MESSAGES | {"answer": "ab"})
    assert watched.longest < 0.5 * seconds(lambda: asked.conversation)


async def test_finding_what_is_to_be_hidden_keeps_nobody_waiting(key: str, stack: Stack) -> None:
    flagged: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "books"}] * MANY}
    request = ChatRequest(flagged)
    async with turns() as watched:
        await ask(stack, "/v1/chat/completions", key, flagged)
    [(_, sent)] = stack.engine.requests
    assert sent["vllm_xargs"]
    assert watched.longest < seconds(lambda: list(request.conversations([])))


async def test_reading_what_is_demanded_keeps_nobody_waiting(key: str, stack: Stack) -> None:
    format = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"enum": ["\\\n\t"] * 90_000}}}
    body: dict[str, Any] = {"model": MODEL, "messages": MESSAGES["messages"][:1], "response_format": format}
    request = ChatRequest(body)
    async with turns() as watched:
        await ask(stack, "/v1/chat/completions", key, body)
    assert watched.longest < 0.5 * seconds(request.demanded_output)
