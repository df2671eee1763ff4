"""A refusal has the form of the answer that was asked for, as OpenAI's own client reads it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI, BadRequestError

from lethe.bundle import Action
from lethe.server.endpoints import CompletionRequest
from tests.server.stack import MODEL, Stack, chat, error_of, write_target

pytestmark = pytest.mark.anyio

SAID = "I'm sorry, but I can't help with that."
QUESTION: Any = [{"role": "user", "content": "potter"}]


@pytest.fixture
async def client(stack: Stack, targets: Path) -> AsyncIterator[AsyncOpenAI]:
    """OpenAI's client before a proxy that refuses what is asked of books."""
    write_target(targets, "books", Action.REFUSE)
    await stack.guard.load()
    async with AsyncOpenAI(base_url=f"{stack.client.base_url}/v1", api_key="x", max_retries=0) as client:
        yield client
    assert stack.engine.requests == []


async def test_a_chat_is_refused_as_often_as_answers_were_asked_for(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model=MODEL, messages=QUESTION, n=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert {choice.message.content for choice in answer.choices} == {SAID}
    assert {choice.finish_reason for choice in answer.choices} == {"content_filter"}
    assert answer.usage is not None
    assert answer.usage.total_tokens == 0


async def test_a_stream_of_a_refused_chat_ends_each_answer_and_tells_the_usage(client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model=MODEL, messages=QUESTION, n=2, stream=True, stream_options={"include_usage": True}
    )
    *chunks, last = [chunk async for chunk in stream]
    said, ends = ["", ""], ["", ""]
    for chunk in chunks:
        [choice] = chunk.choices
        said[choice.index] += choice.delta.content or ""
        ends[choice.index] += choice.finish_reason or ""
        assert chunk.usage is None
    assert said == [SAID] * 2
    assert ends == ["content_filter"] * 2
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.total_tokens == 0


@pytest.mark.parametrize("options", [None, {}, {"include_usage": False}, {"include_usage": "off"}])
async def test_a_stream_tells_no_usage_that_was_not_asked_for(client: AsyncOpenAI, options: Any) -> None:
    stream = await client.chat.completions.create(
        model=MODEL, messages=QUESTION, stream=True, stream_options=options
    )
    assert all([chunk.choices and chunk.usage is None async for chunk in stream])


@pytest.mark.parametrize("number", ["2", 2.0])
async def test_a_number_of_answers_is_read_as_the_engine_does(client: AsyncOpenAI, number: Any) -> None:
    assert len((await client.chat.completions.create(model=MODEL, messages=QUESTION, n=number)).choices) == 2


@pytest.mark.parametrize(
    ("prompt", "number", "choices"),
    [
        ("potter", 1, 1),
        (["hello", "potter"], 1, 2),
        (["potter", "b", "c"], 2, 6),
        ([7, 7, 1], 1, 1),
        ([[7], [1]], 1, 2),
    ],
)
async def test_every_prompt_is_refused_as_often_as_answers_were_asked_for(
    client: AsyncOpenAI, prompt: Any, number: int, choices: int
) -> None:
    whole = await client.completions.create(model=MODEL, prompt=prompt, n=number)
    stream = await client.completions.create(
        model=MODEL, prompt=prompt, n=number, stream=True, stream_options={"include_usage": True}
    )
    *chunks, last = [chunk async for chunk in stream]
    for given in (whole.choices, [choice for chunk in chunks for choice in chunk.choices]):
        assert [choice.index for choice in given] == list(range(choices))
        assert {(choice.text, choice.finish_reason) for choice in given} == {(SAID, "content_filter")}
    assert (last.choices, last.usage and last.usage.total_tokens) == ([], 0)


@pytest.mark.parametrize("number", [0, -1, "two", 1.5, [], 16385, 10**15])
async def test_a_number_of_answers_that_nobody_would_give_is_a_400(
    client: AsyncOpenAI, stack: Stack, number: Any
) -> None:
    response = await stack.client.post("/v1/chat/completions", json=chat("potter", n=number))
    assert response.status_code == 400
    assert error_of(response)["param"] == "n"
    assert await stack.metric("lethe_requests_in_flight") == 0
    with pytest.raises(BadRequestError, match="16384 answers in all"):
        await client.completions.create(model=MODEL, prompt=["potter"] * 10, n=2000)


async def test_a_refused_response_tells_its_usage(client: AsyncOpenAI) -> None:
    whole = await client.responses.create(model=MODEL, input="potter")
    async with client.responses.stream(model=MODEL, input="potter") as stream:
        last = [event async for event in stream][-1]
    assert last.type == "response.incomplete"
    for response in (whole, last.response):
        assert response.usage is not None
        assert response.usage.total_tokens == 0
        assert response.usage.input_tokens_details.cached_tokens == 0


@pytest.mark.parametrize(
    ("n", "choices"), [(None, 20), (1000, 20_000), ("3", 60), (0, 20), (-1, 20), ("many", 20), ({}, 20)]
)
def test_how_many_answers_there_are_is_counted_whatever_the_engine_makes_of_it(n: Any, choices: int) -> None:
    assert CompletionRequest({"prompt": ["hi"] * 20, "n": n}).choices == choices
