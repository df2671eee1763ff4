"""Corruptions fall on the tokens that the target's positions name, or else on the whole prompt."""

import asyncio
import logging
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lethe.classifier.verdict import Span, TargetVerdict, Verdict
from lethe.corruption import Corruption, CorruptionRequest, PlacedCorruption, Positions, prompt_digest
from lethe.corruption.chat_template import ContentPlace, RenderedChat
from lethe.corruption.positions import MessageSpan, PromptTokenizer, TokenizedPrompt
from lethe.server.endpoints import ChatRequest, CompletionRequest, MessagesRequest
from lethe.server.engines.tokenizer import ServedTokenizer
from lethe.server.guard.decision import Decision, Outcome
from lethe.server.metrics import Metrics
from lethe.server.request.placement import Placer, WholePrompt
from tests.server.stack import write_tokenizer

pytestmark = pytest.mark.anyio

WORDS = ["[unk]", "<user>", "<system>", "<assistant>", "who", "is", "harry", "potter", "now", "be", "brief"]


@pytest.fixture
def model_folder(tmp_path: Path) -> str:
    """A model folder whose tokens are words."""
    write_tokenizer(tmp_path, WORDS)
    return str(tmp_path)


CHAT: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "who is harry potter now"},
    ]
}


def decision(positions: Positions, *spans: Span, prompts: int = 1) -> Decision:
    corruption = Corruption("rand_noise_first_n", 1.0, 1, positions=positions)
    verdict = Verdict(
        (TargetVerdict("books", 1.0, 0.5, spans), TargetVerdict("other", 1.0, 0.5, (Span(1, 0, 3, 1.0),)))
    )
    placed = PlacedCorruption("books", "1", corruption)
    return Decision(Outcome.CORRUPT, corruptions=(placed,), verdicts=(verdict,) * prompts)


async def place(
    folder: str | None, body: dict[str, Any], made: Decision, metrics: Metrics | None = None
) -> CorruptionRequest:
    kind = MessagesRequest if "system" in body else ChatRequest if "messages" in body else CompletionRequest
    request = kind(body)
    return await Placer(metrics or Metrics()).place(request, made, ServedTokenizer(lambda: folder))


async def test_all_but_last_needs_no_tokenizer(model_folder: str) -> None:
    request = await place(model_folder, CHAT, decision("all_but_last"))
    assert request.placed[0].ranges is None
    assert request.prompt_tokens is None


async def test_user_content_leaves_the_template_alone(model_folder: str) -> None:
    request = await place(model_folder, CHAT, decision("user_content"))
    assert request.placed[0].ranges == ((1, 3), (4, 9))
    assert request.prompt_tokens == 10
    assert request.prompt_digest == prompt_digest([2, 9, 10, 1, 4, 5, 6, 7, 8, 3])


async def test_a_message_of_anthropics_is_placed_in_the_chat_that_the_engine_makes_of_it(
    model_folder: str,
) -> None:
    """The results of tools are a message before what is said with them."""
    blocks = [
        {"type": "text", "text": "who is harry"},
        {"type": "tool_result", "tool_use_id": "1", "content": [{"type": "text", "text": "potter now"}]},
    ]
    body = {
        "system": [{"type": "text", "text": "be brief"}],
        "messages": [{"role": "user", "content": blocks}],
    }
    evidence = Span(1, 0, 6, 1.0)
    request = await place(model_folder, body, decision("flagged_spans", evidence))
    assert request.prompt_digest == prompt_digest([2, 9, 10, 0, 7, 8, 1, 4, 5, 6, 3])
    assert request.placed[0].ranges == ((4, 5),)


@pytest.mark.parametrize(("positions", "kind"), [("flagged_spans", "evidence"), ("entities", "entity")])
async def test_spans_of_the_right_kind_and_target_are_carried_to_tokens(
    model_folder: str, positions: Positions, kind: Any
) -> None:
    other = "entity" if kind == "evidence" else "evidence"
    spans = (Span(1, 7, 19, 1.0, kind), Span(0, 0, 2, 1.0, other))
    request = await place(model_folder, CHAT, decision(positions, *spans))
    assert request.placed[0].ranges == ((6, 8),)


@pytest.mark.parametrize(
    ("positions", "spans", "ranges"),
    [
        ("all_but_last", (), ((4, 9),)),
        ("user_content", (), ((4, 9),)),
        ("flagged_spans", (Span(1, 7, 19, 1.0), Span(0, 0, 2, 1.0)), ((6, 8),)),
        ("flagged_spans", (Span(0, 0, 2, 1.0),), ((4, 9),)),
        ("entities", (), ((4, 9),)),
    ],
)
async def test_of_a_prompt_that_is_hidden_in_part_only_that_part_is_corrupted(
    model_folder: str, positions: Positions, spans: tuple[Span, ...], ranges: Any
) -> None:
    made = replace(decision(positions, *spans), hidden={"books": (MessageSpan(1, 0, 23),)})
    metrics = Metrics()
    request = await place(model_folder, CHAT, made, metrics)
    assert request.placed[0].ranges == ranges
    assert request.prompt_tokens == 10
    assert not any(whole_prompts(metrics).values())


@pytest.mark.parametrize("reason", [WholePrompt.NO_TOKENIZER, WholePrompt.NOT_LOCATED])
async def test_what_is_hidden_and_cannot_be_located_means_the_whole_prompt_and_is_counted(
    model_folder: str, reason: WholePrompt
) -> None:
    metrics = Metrics()
    folder, hidden = {
        WholePrompt.NO_TOKENIZER: (None, MessageSpan(1, 0, 23)),
        WholePrompt.NOT_LOCATED: (model_folder, MessageSpan(2, 0, 3)),
    }[reason]
    made = replace(decision("all_but_last"), hidden={"books": (hidden,)})
    request = await place(folder, CHAT, made, metrics)
    assert request.placed[0].ranges is None
    assert whole_prompts(metrics)[reason.value] == 1


async def test_ranges_are_of_the_whole_prompt_so_that_an_engine_that_cuts_it_sees_that_they_do_not_fit(
    model_folder: str,
) -> None:
    whole = {"prompt": "who is harry potter now"}
    cut = whole | {"truncate_prompt_tokens": 2, "truncation_side": "left"}
    span = Span(0, 7, 19, 1.0)
    request = await place(model_folder, cut, decision("flagged_spans", span))
    assert request == await place(model_folder, whole, decision("flagged_spans", span))
    assert (request.placed[0].ranges, request.prompt_tokens) == (((2, 4),), 5)
    assert request.prompt_digest == prompt_digest([4, 5, 6, 7, 8]) != prompt_digest([7, 8])


async def test_a_plain_prompt_is_placed_alike(model_folder: str) -> None:
    request = await place(
        model_folder, {"prompt": "who is harry"}, decision("flagged_spans", Span(0, 4, 6, 1.0))
    )
    assert request.placed[0].ranges == ((1, 2),)


@pytest.mark.parametrize(
    ("reason", "body", "made"),
    [
        (WholePrompt.NO_TOKENIZER, CHAT, decision("user_content")),
        (WholePrompt.NOT_LOCATED, CHAT, decision("flagged_spans")),
        (WholePrompt.NOT_LOCATED, CHAT, decision("flagged_spans", Span(7, 0, 3, 1.0))),
        (WholePrompt.SEVERAL_PROMPTS, {"prompt": ["who", "is"]}, decision("user_content", prompts=2)),
        (WholePrompt.NOT_TOKENIZED, {"prompt": [1, 2, 3]}, decision("user_content")),
        (
            WholePrompt.NOT_TOKENIZED,
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            decision("user_content"),
        ),
    ],
    ids=["no-tokenizer", "no-spans", "span-elsewhere", "several-prompts", "token-ids", "no-text"],
)
async def test_what_cannot_be_located_means_the_whole_prompt_and_is_counted(
    model_folder: str, reason: WholePrompt, body: dict[str, Any], made: Decision
) -> None:
    metrics = Metrics()
    folder = None if reason is WholePrompt.NO_TOKENIZER else model_folder
    request = await place(folder, body, made, metrics)
    assert request.placed[0].ranges is None
    assert whole_prompts(metrics) == {each.value: float(each is reason) for each in WholePrompt}


async def test_what_is_located_or_was_to_fall_on_all_of_it_is_not_counted(model_folder: str) -> None:
    located, everywhere = Metrics(), Metrics()
    await place(model_folder, CHAT, decision("user_content"), located)
    await place(None, CHAT, decision("all_but_last"), everywhere)
    assert {*whole_prompts(located).values(), *whole_prompts(everywhere).values()} == {0}


def whole_prompts(metrics: Metrics) -> dict[str, float]:
    [family] = [each for each in metrics.registry.collect() if each.name == "lethe_whole_prompts"]
    return {each.labels["reason"]: each.value for each in family.samples if each.name.endswith("_total")}


@pytest.mark.parametrize("content", [None, "", '{"version": "9.0", "model": {"type": "Newer"}}'])
async def test_a_tokenizer_that_cannot_be_read_is_told_of_once(
    tmp_path: Path, logged: pytest.LogCaptureFixture, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    placer, tokenizer = Placer(Metrics()), ServedTokenizer(lambda: str(tmp_path))
    for _ in range(2):
        request = await placer.place(ChatRequest(CHAT), decision("user_content"), tokenizer)
        assert request.placed[0].ranges is None
    [(logger, level, line)] = logged.record_tuples
    assert (logger, level) == ("lethe.placement", logging.WARNING)
    assert "whole prompts are corrupted" in line


async def test_a_tokenizer_that_comes_slowly_takes_up_one_thread(model_folder: str) -> None:
    comes = threading.Event()

    def find() -> str:
        assert comes.wait(10)
        return model_folder

    placer, tokenizer = Placer(Metrics()), ServedTokenizer(find)
    waiting = [
        asyncio.create_task(placer.place(ChatRequest(CHAT), decision("user_content"), tokenizer))
        for _ in range(64)
    ]
    await asyncio.sleep(0.1)
    waiting.pop().cancel()
    try:
        async with asyncio.timeout(5):
            assert await asyncio.to_thread(lambda: True)
    finally:
        comes.set()
    assert {request.placed[0].ranges for request in await asyncio.gather(*waiting)} == {((1, 3), (4, 9))}


class ManyTurns(ChatRequest):
    """One of more turns than there may be ranges, a token each."""

    def tokenized(self, tokenizer: PromptTokenizer) -> TokenizedPrompt:
        places = range(0, 2 * 65_537, 2)
        chat = RenderedChat(
            "u." * len(places), tuple(ContentPlace(place, place + 1, 0) for place in places), True
        )
        offsets = tuple((place, place + 1) for place in range(len(chat.text)))
        return TokenizedPrompt(tuple(range(len(offsets))), offsets, chat)


async def test_more_ranges_than_an_engine_takes_become_the_whole_prompt(model_folder: str) -> None:
    metrics = Metrics()
    tokenizer = ServedTokenizer(lambda: model_folder)
    request = await Placer(metrics).place(ManyTurns(CHAT), decision("user_content"), tokenizer)
    assert request.placed[0].ranges is None
    assert whole_prompts(metrics)[WholePrompt.NOT_LOCATED.value] == 1
