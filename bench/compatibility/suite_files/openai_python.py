"""What users of OpenAI's Python client do with it, and what the client makes of the answers."""

import os
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

MODEL = os.environ["COMPATIBILITY_MODEL"]
KEY = os.environ.get("COMPATIBILITY_KEY", "none")
URL = f"{os.environ['COMPATIBILITY_URL']}/v1"
ASKED: list[Any] = [{"role": "user", "content": "Name a colour."}]
# A model this small needs to be held to the form.
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["Rome", "Oslo"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
COLOURS = {"structured_outputs": {"choice": ["red", "blue"]}}
FIELDS: dict[str, Any] = {"model": MODEL, "messages": ASKED, "max_tokens": 8, "temperature": 0}


class Colour(BaseModel):
    """A form of an answer."""

    red: bool


@pytest.fixture
def client() -> Iterator[OpenAI]:
    with OpenAI(base_url=URL, api_key=KEY, max_retries=0, timeout=60) as client:
        yield client


def test_a_chat(client: OpenAI) -> None:
    answer = client.chat.completions.create(**FIELDS)
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.content
    assert answer.usage.completion_tokens <= 8


def test_a_streamed_chat(client: OpenAI) -> None:
    pieces = list(
        client.chat.completions.create(**FIELDS, stream=True, stream_options={"include_usage": True})
    )
    whole = client.chat.completions.create(**FIELDS)
    said = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    assert said == whole.choices[0].message.content
    assert pieces[-1].usage.total_tokens == whole.usage.total_tokens
    assert len({piece.id for piece in pieces}) == 1


def test_the_helper_for_streams(client: OpenAI) -> None:
    with client.chat.completions.stream(**FIELDS, extra_body=COLOURS) as stream:
        kinds = {event.type for event in stream}
        assert stream.get_final_completion().choices[0].message.content
    assert {"chunk", "content.delta", "content.done"} <= kinds


def test_several_choices(client: OpenAI) -> None:
    answer = client.chat.completions.create(**FIELDS | {"n": 2, "temperature": 1, "seed": 1})
    assert [choice.index for choice in answer.choices] == [0, 1]


def test_log_probabilities(client: OpenAI) -> None:
    answer = client.chat.completions.create(**FIELDS, logprobs=True, top_logprobs=2)
    assert all(len(each.top_logprobs) == 2 for each in answer.choices[0].logprobs.content)


def test_stop_words(client: OpenAI) -> None:
    whole = client.chat.completions.create(**FIELDS).choices[0].message.content
    answer = client.chat.completions.create(**FIELDS, stop=[whole[1:3]])
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.content == whole[:1]


def test_a_demanded_tool(client: OpenAI) -> None:
    named = {"type": "function", "function": {"name": "weather"}}
    answer = client.chat.completions.create(**FIELDS | {"max_tokens": 40}, tools=[TOOL], tool_choice=named)
    [call] = answer.choices[0].message.tool_calls
    assert call.function.name == "weather"
    assert "city" in call.function.arguments


def test_a_streamed_tool(client: OpenAI) -> None:
    named = {"type": "function", "function": {"name": "weather"}}
    fields = FIELDS | {"max_tokens": 40, "stream": True}
    deltas = [
        call
        for piece in client.chat.completions.create(**fields, tools=[TOOL], tool_choice=named)
        for call in (piece.choices and piece.choices[0].delta.tool_calls) or ()
    ]
    assert "city" in "".join(each.function.arguments or "" for each in deltas)


def test_a_parsed_answer(client: OpenAI) -> None:
    answer = client.chat.completions.parse(**FIELDS | {"max_tokens": 40}, response_format=Colour)
    assert isinstance(answer.choices[0].message.parsed, Colour)


def test_a_completion(client: OpenAI) -> None:
    answer = client.completions.create(model=MODEL, prompt=["One,", "Two,"], max_tokens=4, echo=True)
    assert [choice.text[:4] for choice in answer.choices] == ["One,", "Two,"]


def test_a_completion_of_token_ids(client: OpenAI) -> None:
    assert client.completions.create(model=MODEL, prompt=[504, 3575], max_tokens=4).choices[0].text


def test_a_response(client: OpenAI) -> None:
    answer = client.responses.create(model=MODEL, input="Name a colour.", max_output_tokens=16)
    assert answer.output_text


def test_a_streamed_response(client: OpenAI) -> None:
    with client.responses.stream(model=MODEL, input="Name a colour.", max_output_tokens=16) as stream:
        kinds = [event.type for event in stream]
    assert kinds[0] == "response.created"
    assert "response.output_text.delta" in kinds


def test_what_the_client_cannot_have_is_not_found(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(**FIELDS | {"model": "another"})
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("another")


@pytest.mark.parametrize(
    "fields",
    [{"temperature": -1}, {"max_tokens": -1}, {"messages": []}, {"messages": "hi"}, {"n": 0}, {"top_p": 7}],
    ids=str,
)
def test_what_is_wrong_is_a_bad_request(client: OpenAI, fields: dict[str, object]) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**FIELDS | fields)
    assert caught.value.type
    assert str(caught.value.body["message"])


def test_what_is_too_long_is_a_bad_request(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="token"):
        client.chat.completions.create(**FIELDS | {"messages": [{"role": "user", "content": "a b " * 9000}]})


def test_models(client: OpenAI) -> None:
    listed = [model.id for model in client.models.list()]
    assert MODEL in listed
    assert client.models.retrieve(MODEL).id == MODEL


def test_raw_answers(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(**FIELDS)
    assert raw.headers["content-type"] == "application/json"
    assert raw.parse().choices
    with client.chat.completions.with_streaming_response.create(**FIELDS) as answer:
        assert b"choices" in answer.read()


def test_the_id_of_a_request(client: OpenAI) -> None:
    assert client.chat.completions.create(**FIELDS)._request_id


def test_a_stream_that_is_left_early(client: OpenAI) -> None:
    with client.chat.completions.create(**FIELDS | {"max_tokens": 200, "stream": True}) as stream:
        next(iter(stream))
    assert client.chat.completions.create(**FIELDS).choices


def test_a_time_limit(client: OpenAI) -> None:
    with pytest.raises(openai.APITimeoutError):
        client.chat.completions.create(**FIELDS | {"max_tokens": 1000}, timeout=0.05)


def test_further_fields(client: OpenAI) -> None:
    further = {"min_tokens": 8, "top_k": 1, "ignore_eos": True}
    answer = client.chat.completions.create(**FIELDS, extra_body=further, extra_headers={"X-Own": "1"})
    assert answer.usage.completion_tokens == 8


def test_pictures_are_no_error_of_the_server(client: OpenAI) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(**FIELDS | {"messages": [{"role": "user", "content": [picture]}]})


async def test_many_at_once() -> None:
    import asyncio

    async with AsyncOpenAI(base_url=URL, api_key=KEY, max_retries=0, timeout=60) as client:
        answers = await asyncio.gather(*(client.chat.completions.create(**FIELDS) for _ in range(8)))
        assert all(answer.choices[0].message.content for answer in answers)
        stream = await client.chat.completions.create(**FIELDS, stream=True)
        assert [piece async for piece in stream]
