"""What a scope lets through, and what it does not: each row on scopes of the table in docs/security.md is one case here."""

from pathlib import Path
from typing import Any

import pytest

from lethe.bundle import Action
from lethe.server.settings.policy import ScopeSettings
from lethe.server.targets.rollout import change_deployment
from tests.server.stack import Stack, chat, write_target

pytestmark = pytest.mark.anyio

CHAT = "/v1/chat/completions"


def said(role: str, content: str = "books", **fields: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **fields}


HI, NO = said("user", "hi"), said("assistant", "no")
CALL = {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "a", "arguments": "books"}}]}

# What carries the verdict in each kind of text that may be let through.
CARRIED: dict[str, dict[str, Any]] = {
    "earlier_turns": {"messages": [said("user"), NO, HI]},
    "assistant_turns": {"messages": [HI, said("assistant"), HI]},
    "reasoning": {"messages": [HI, said("assistant", "no", reasoning="books"), HI]},
    "system": {"messages": [said("system"), HI]},
    "tool_definitions": {"messages": [HI], "tools": [{"type": "function", "function": {"name": "books"}}]},
    "tool_results": {"messages": [HI, CALL | {"tool_calls": []}, said("tool")]},
    "documents": {"messages": [HI], "documents": [{"text": "books"}]},
}


def corrupted(stack: Stack) -> bool:
    return "vllm_xargs" in stack.engine.requests[-1][1]


def test_every_kind_of_text_but_the_newest_turn_has_a_case() -> None:
    assert {*CARRIED, "newest_turn"} == {*ScopeSettings.model_fields}


@pytest.mark.parametrize("fields", CARRIED.values(), ids=CARRIED.keys())
async def test_by_default_no_kind_of_text_is_let_through(stack: Stack, fields: dict[str, Any]) -> None:
    await stack.client.post(CHAT, json=chat("hi") | fields)
    assert corrupted(stack)


def cases(consequence: str) -> list[Any]:
    return [
        pytest.param(
            fields,
            marks=pytest.mark.settings(policy={"scope": {kind: consequence}}),
            id=f"{kind}-{consequence}",
        )
        for kind, fields in CARRIED.items()
    ]


@pytest.mark.parametrize("fields", cases("observe") + cases("skip"))
async def test_what_a_scope_lets_through_is_let_through_and_does_not_cover_the_newest_turn(
    stack: Stack, fields: dict[str, Any]
) -> None:
    await stack.client.post(CHAT, json=chat("hi") | fields)
    assert not corrupted(stack)
    asked = [*fields["messages"], said("user")]
    await stack.client.post(CHAT, json=chat("hi") | fields | {"messages": asked})
    assert corrupted(stack)


LETTING = dict.fromkeys(CARRIED, "skip")


@pytest.mark.settings(policy={"scope": LETTING})
@pytest.mark.parametrize(
    "fields",
    [
        {"messages": [HI, said("assistant", "books are")], "continue_final_message": True},
        {"messages": [said("user"), HI]},
        {"messages": [said("system")]},
        {"messages": [HI], "chat_template_kwargs": {"a": "books"}},
        {"messages": [HI, NO | {"colour": "books"}, HI]},
        {"messages": [HI, said("user", "hi", reasoning="books")]},
    ],
    ids=["prefill", "told-in-two", "no-user", "template-arguments", "further-field", "reasoning-of-a-user"],
)
async def test_what_is_asked_in_other_words_than_a_user_turn_is_judged_as_one(
    stack: Stack, fields: dict[str, Any]
) -> None:
    await stack.client.post(CHAT, json=chat("hi") | fields)
    assert corrupted(stack)


@pytest.mark.settings(policy={"scope": {"earlier_turns": "refuse"}})
async def test_a_scope_may_refuse(stack: Stack) -> None:
    response = await stack.client.post(CHAT, json=chat("hi") | CARRIED["earlier_turns"])
    assert response.json()["choices"][0]["finish_reason"] == "content_filter"
    await stack.client.post(CHAT, json=chat("books"))
    assert corrupted(stack)


async def test_a_target_may_have_a_scope_of_its_own(stack: Stack, targets: Path) -> None:
    write_target(targets, "films", Action.CORRUPT)
    change_deployment(targets, "books", scope={"earlier_turns": "observe"})
    await stack.guard.load()
    for word, outcome in (("books", False), ("films", True)):
        messages = [said("user", word), NO, HI]
        await stack.client.post(CHAT, json=chat("hi") | {"messages": messages})
        assert corrupted(stack) is outcome
