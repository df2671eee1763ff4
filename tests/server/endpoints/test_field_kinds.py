"""What is said of a value that a field does not take speaks of the kind of value that it is."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from lethe.server.endpoints import ChatRequest, ResponsesRequest
from lethe.server.endpoints.endpoint import GuardedRequest
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
