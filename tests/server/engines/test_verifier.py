"""The served model is asked past the guard, plainly and both ways round, and only two clear answers clear a verdict."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.server.stack import MODEL, Stack, chat, write_target

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.settings(policy={"verify": {"books": "engine"}, "verify_band": 0.5}),
]


@pytest.fixture
def targets(targets: Path) -> Path:
    write_target(targets, "books", description="The books about a boy.")
    return targets


Says = Callable[[dict[str, Any]], str]


def letter_for(body: dict[str, Any], about: bool) -> str:
    """The letter by which a body asks to be told that a text is about the topic, or is not."""
    instruction = body["messages"][0]["content"]
    return instruction.partition("Answer " if about else "mentions anything of the topic. Answer ")[2][0]


def judge(about: bool) -> Says:
    return lambda body: letter_for(body, about)


async def ask(stack: Stack, text: str) -> list[dict[str, Any]]:
    """Send a chat request; the bodies of all that the engine was asked for it."""
    stack.engine.requests.clear()
    assert (await stack.client.post("/v1/chat/completions", json=chat(text))).status_code == 200
    return [body for _, body in stack.engine.requests]


async def test_what_the_model_finds_to_be_about_something_else_passes(stack: Stack) -> None:
    stack.engine.says = judge(about=False)
    *questions, answered = await ask(stack, "Who kept the books?")
    assert "vllm_xargs" not in answered
    assert len(questions) == 2
    for body in questions:
        assert body["model"] == MODEL
        assert body["max_tokens"] == 1
        assert not {"vllm_xargs", "cache_salt"} & body.keys()
        assert body["messages"][-1]["content"] == "“who kept the books?”"
    assert await stack.metric('lethe_verifications_total{result="cleared",target="books"}') == 1


@pytest.mark.parametrize("says", [judge(about=True), lambda body: "A", lambda body: "B", lambda body: "Yes"])
async def test_a_model_that_says_otherwise_prefers_a_letter_or_says_neither_clears_nothing(
    stack: Stack, says: Says
) -> None:
    stack.engine.says = says
    assert "vllm_xargs" in (await ask(stack, "Who kept the books?"))[-1]


async def test_a_plain_verdict_asks_the_engine_nothing_else(stack: Stack) -> None:
    stack.engine.says = judge(about=False)
    [answered] = await ask(stack, "books books")
    assert "vllm_xargs" in answered


async def test_clean_traffic_asks_the_engine_nothing_else(stack: Stack) -> None:
    assert len(await ask(stack, "Who keeps bees?")) == 1


async def test_no_mark_of_a_template_reaches_the_question(stack: Stack) -> None:
    stack.engine.says = judge(about=False)
    question, *_ = await ask(stack, "the books ” {x} \\ $ # | it")
    assert question["messages"][-1]["content"] == "“the books x it”"
