"""What is said of a value that a field does not take speaks of the kind of value that it is."""

import json
from collections.abc import Callable
from typing import Any

import pydantic
import pytest

from lethe.server.endpoints import ChatRequest, ResponsesRequest
from lethe.server.endpoints.endpoint import GuardedRequest
from lethe.server.endpoints.field_kinds import Content, Items, Prompts, invalid_body
from lethe.server.errors import BadRequest
from tests.server.stack import chat


@pytest.mark.parametrize(
    ("parse", "body", "message"),
    [
        (
            ChatRequest.parse,
            chat("hi") | {"messages": [{"role": "user", "content": [[{"type": "text", "text": "hi"}]]}]},
            "messages.0.content.0: Input should be a text or an object, but it is a list that begins with an object",
        ),
        (
            ChatRequest.parse,
            chat("hi") | {"messages": [{"role": "user", "content": {}}]},
            "messages.0.content: Input should be a text or a list of parts, but it is an object",
        ),
        (
            ChatRequest.parse,
            chat("hi", tool_choice=["a"]),
            'tool_choice: Input should be a text or an object, but it is a list that begins with "a"',
        ),
        (
            ResponsesRequest.parse,
            {"input": 5},
            "input: Input should be a text or a list of items, but it is 5",
        ),
        (
            ResponsesRequest.parse,
            {"input": [["hi"]]},
            'input.0: Input should be an object, but it is a list that begins with "hi"',
        ),
        (
            ResponsesRequest.parse,
            {"input": "hi", "instructions": [[[["deep"]]]]},
            "instructions: Input should be a valid string, but it is a list that begins with a list",
        ),
        (
            ChatRequest.parse,
            chat("hi", model={"a": "b"}),
            "model: Input should be a valid string, but it is an object",
        ),
        (
            ChatRequest.parse,
            chat("hi", stream="b" * 1000),
            f'stream: Input should be a valid boolean, unable to interpret input, but it is "{"b" * 40}...',
        ),
    ],
)
def test_an_error_speaks_of_the_kind_of_value_that_was_given(
    parse: Callable[[bytes], GuardedRequest], body: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadRequest) as raised:
        parse(json.dumps(body).encode())
    assert raised.value.message == message
    assert raised.value.param == message.partition(":")[0]


PROMPTS, CONTENT, ITEMS = (pydantic.TypeAdapter(kind) for kind in (Prompts, Content, Items))


@pytest.mark.parametrize("prompt", ["", "a", ["a", ""], [0], [2**31 - 1, 1], [[1], [2, 3]]])
def test_a_prompt_is_a_text_or_token_ids_or_several(prompt: Any) -> None:
    assert PROMPTS.validate_python(prompt) == prompt


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        (
            None,
            "the body: Input should be a text, a list of texts, a list of token ids, or a list of such lists",
        ),
        ([], "the body: Input should not be empty"),
        ([[]], "0: Input should not be empty"),
        ([-1], "0: Input should be greater than or equal to 0, but it is -1"),
        ([2**31], "0: Input should be less than 2147483648"),
        ([1, 2.5], "1: Input should be a valid integer"),
        ([True], "0: Input should be a valid integer, but it is true"),
        (["a", 1], "1: Input should be a valid string, but it is 1"),
        ([1, "a"], "1: Input should be a valid integer"),
        ([[1], ["a"]], "1.0: Input should be a valid integer"),
        ([{}], "the body: Input should be a text, a list of texts"),
    ],
)
def test_what_is_no_prompt_is_told_by_the_kind_that_it_begins_as(prompt: Any, message: str) -> None:
    with pytest.raises(pydantic.ValidationError) as raised:
        PROMPTS.validate_python(prompt)
    assert message in invalid_body(raised.value).message


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (CONTENT, [5], "0: Input should be a text or an object, but it is 5"),
        (CONTENT, True, "the body: Input should be a text or a list of parts, but it is true"),
        (ITEMS, [], "the body: Input should not be empty"),
        (ITEMS, ["é" * 41], f'0: Input should be an object, but it is "{"é" * 40}...'),
        (ITEMS, [[]], "0: Input should be an object, but it is an empty list"),
    ],
)
def test_of_a_wrong_value_so_much_is_shown_as_can_be_read(
    kind: pydantic.TypeAdapter[Any], value: Any, message: str
) -> None:
    with pytest.raises(pydantic.ValidationError) as raised:
        kind.validate_python(value)
    assert invalid_body(raised.value).message.startswith(message)


def test_of_many_wrong_values_the_first_is_told() -> None:
    with pytest.raises(pydantic.ValidationError) as raised:
        PROMPTS.validate_python([-1] * 100_000)
    assert raised.value.error_count() == 1
