"""Judging alone: verdicts without an answer, for keys that were made for it."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from lethe.bundle import Action
from lethe.server.access.key_file import create_key
from lethe.server.access.keys import Scope
from lethe.server.settings.connections import LimitSettings
from tests.server.stack import Stack, error_of, write_target

pytestmark = pytest.mark.anyio

PATH = "/v1/checks"
ASKED = [{"role": "user", "content": "What of potter?"}]


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    file = tmp_path / "keys.yaml"
    create_key(file, name="first")
    return file


async def check(
    stack: Stack, keys: Path, scopes: set[Scope], key: dict[str, Any] | None = None, **body: Any
) -> httpx.Response:
    """Ask with a new key that has these scopes."""
    _, secret = create_key(keys, scopes=scopes, **(key or {}))
    stack.access.load()
    headers = {"Authorization": f"Bearer {secret}"}
    return await stack.client.post(PATH, json={"messages": ASKED} | body, headers=headers)


async def test_a_verdict_is_given_and_no_engine_is_asked(stack: Stack, keys: Path) -> None:
    answer = await check(stack, keys, {Scope.CHECK})
    assert answer.json() == {
        "object": "check",
        "flagged": True,
        "prompt": {"status": "ok", "targets": [{"target": "books", "flagged": True}]},
        "answer": None,
    }
    assert answer.headers["x-request-id"]
    assert not stack.engine.requests


@pytest.mark.parametrize("answer", ["Some books.", {"role": "assistant", "content": "Some books."}])
async def test_an_answer_is_judged_with_what_it_answers(
    stack: Stack, keys: Path, targets: Path, answer: str | dict[str, Any]
) -> None:
    write_target(targets, "books", Action.CORRUPT, answers=True)
    await stack.guard.load()
    asked = [{"role": "user", "content": "And?"}, {"role": "assistant", "content": "Well: "}]
    found = (await check(stack, keys, {Scope.CHECK}, messages=asked, answer=answer)).json()
    assert found["flagged"] is True
    assert found["prompt"]["targets"] == [{"target": "books", "flagged": False}]
    assert found["answer"] == {"status": "ok", "targets": [{"target": "books", "flagged": True}]}
    [exchange] = stack.classifiers[-1].answers
    assert exchange.answer == "Well: Some books."
    assert [message.text for message in exchange.question.messages] == ["And?"]


async def test_an_answer_that_a_message_begins_is_judged_with_tools_beside_it(
    stack: Stack, keys: Path, targets: Path
) -> None:
    write_target(targets, "books", Action.CORRUPT, answers=True)
    await stack.guard.load()
    asked = [{"role": "user", "content": "And?"}, {"role": "assistant", "content": "Well: "}]
    await check(stack, keys, {Scope.CHECK}, messages=asked, tools=[{"name": "look"}], answer="so.")
    [exchange] = stack.classifiers[-1].answers
    assert exchange.answer == "Well: so."


@pytest.mark.parametrize(
    "message",
    [
        {"role": "tool", "content": "", "tool_call_id": "potter"},
        {"role": "user", "content": "hi", "mood": "potter"},
        {"role": "document potter", "content": "hi"},
    ],
)
async def test_all_that_a_model_would_read_is_judged(
    stack: Stack, keys: Path, message: dict[str, Any]
) -> None:
    assert (await check(stack, keys, {Scope.CHECK}, messages=[message])).json()["flagged"] is True


async def test_an_answer_that_cannot_be_read_is_told(stack: Stack, keys: Path, targets: Path) -> None:
    write_target(targets, "books", Action.CORRUPT, answers=True)
    await stack.guard.load()
    answer = {"role": "assistant", "content": [{"type": "image_url", "image_url": {"url": "data:x"}}]}
    found = (await check(stack, keys, {Scope.CHECK}, answer=answer)).json()
    assert found["answer"]["status"] == "unclassifiable"
    fetched = {"role": "assistant", "content": [{"type": "image_url", "image_url": {"url": "https://x"}}]}
    refused = await check(stack, keys, {Scope.CHECK}, key={"name": "other"}, answer=fetched)
    assert refused.status_code == 400


@pytest.mark.parametrize("scopes", [{Scope.USE}, {Scope.ADMIN, Scope.OBSERVE, Scope.USE}])
async def test_no_other_scope_brings_that_of_checks(stack: Stack, keys: Path, scopes: set[Scope]) -> None:
    answer = await check(stack, keys, scopes)
    assert answer.status_code == 403
    assert "check" in error_of(answer)["message"]


async def test_probabilities_are_told_to_administrators_alone(stack: Stack, keys: Path) -> None:
    [told] = (await check(stack, keys, {Scope.CHECK, Scope.ADMIN})).json()["prompt"]["targets"]
    assert told == {"target": "books", "flagged": True, "probability": 1.0, "threshold": 0.5, "spans": []}


async def test_nothing_is_said_of_targets_that_do_not_apply_to_the_key(stack: Stack, keys: Path) -> None:
    answer = await check(stack, keys, {Scope.CHECK}, {"exempt": {"books"}})
    assert answer.json() == {
        "object": "check",
        "flagged": False,
        "prompt": {"status": "ok", "targets": []},
        "answer": None,
    }


async def test_checks_have_a_rate_of_their_own(stack: Stack, keys: Path) -> None:
    _, secret = create_key(keys, scopes={Scope.CHECK, Scope.USE}, requests_per_minute=1)
    stack.access.load()
    headers = {"Authorization": f"Bearer {secret}"}
    statuses = [
        (await stack.client.post(PATH, json={"messages": ASKED}, headers=headers)).status_code
        for _ in range(2)
    ]
    assert statuses == [200, 429]
    chat = await stack.client.post("/v1/chat/completions", json={"messages": ASKED}, headers=headers)
    assert chat.status_code == 200


async def test_without_a_verdict_the_client_is_to_come_back(stack: Stack, keys: Path) -> None:
    answer = await check(stack, keys, {Scope.CHECK}, messages=[{"role": "user", "content": "time out"}])
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


async def test_what_is_not_known_here_is_refused(stack: Stack, keys: Path) -> None:
    answer = await check(stack, keys, {Scope.CHECK}, documents=["potter"])
    assert answer.status_code == 400
    assert error_of(answer)["param"] == "documents"


@pytest.fixture
def audited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for the audit log, in the settings."""
    monkeypatch.setenv("LETHE_AUDIT__FOLDER", str(tmp_path / "audit"))
    return tmp_path / "audit"


async def test_checks_are_in_the_audit_log(audited: Path, stack: Stack, keys: Path, targets: Path) -> None:
    write_target(targets, "books", Action.CORRUPT, answers=True)
    await stack.guard.load()
    await check(stack, keys, {Scope.CHECK}, answer="Some books.")
    await stack.audited(1)
    lines = [line for file in audited.glob("*.jsonl") for line in file.read_text().splitlines()]
    entry = json.loads(lines[-1])
    assert entry["endpoint"] == PATH
    assert entry["action"] == "corrupt"
    assert entry["answer_flagged"] == ["books"]


@pytest.mark.settings(limits=LimitSettings(max_messages=2))
async def test_a_conversation_of_more_messages_than_may_be_is_not_judged(stack: Stack, keys: Path) -> None:
    response = await check(stack, keys, {Scope.CHECK}, messages=ASKED * 3)
    assert response.status_code == 400
    assert error_of(response)["code"] == "array_above_max_length"
    assert stack.classifiers[0].seen == []
