"""A body may have so many messages, parts and prompts, whatever its endpoint calls them."""

from typing import Any

import pytest

from lethe.server.endpoints.lengths import Lengths
from lethe.server.errors import BadRequest

MOST = Lengths(messages=3, parts=4, prompts=2)
MESSAGE: dict[str, Any] = {"role": "user", "content": "a"}
RESULT = {"type": "tool_result", "content": ["a", "b"]}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"messages": [MESSAGE] * 4}, "messages"),
        ({"input": [MESSAGE] * 4}, "input"),
        ({"tools": [{"name": "f"}] * 4}, "tools"),
        ({"documents": [{}] * 4}, "documents"),
        ({"system": [{"type": "text"}] * 4}, "system"),
        ({"messages": [{"content": ["a"] * 3}, {"content": ["a"] * 2}]}, "messages"),
        ({"messages": [{"tool_calls": [{}] * 5}]}, "messages"),
        ({"messages": [{"content": [RESULT, RESULT]}]}, "messages"),
        ({"input": [{"output": [{}] * 5}]}, "input"),
        ({"input": [{"summary": [{}] * 5}]}, "input"),
        ({"tools": [{"tools": [{}] * 5}]}, "tools"),
        ({"query": {"content": ["a"] * 5}}, "query"),
        ({"prompt": ["a"] * 3}, "prompt"),
        ({"prompt": [[1]] * 3}, "prompt"),
        ({"documents": ["a", "b", "c"]}, "documents"),
    ],
)
def test_a_body_with_more_is_refused(body: dict[str, Any], field: str) -> None:
    with pytest.raises(BadRequest, match=f"{field} must have at most") as refused:
        MOST.check(body)
    assert refused.value.param == field
    assert refused.value.code == "array_above_max_length"


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [MESSAGE] * 3, "tools": [{}] * 3},
        {"messages": [{"content": ["a"] * 4}]},
        {"prompt": [1] * 100},
        {"prompt": [[1] * 100] * 2},
        {"messages": [MESSAGE], "tools": [{"parameters": {"enum": ["a"] * 100}}]},
        {"prompt": "a", "allowed_token_ids": [1] * 100, "logit_bias": {str(key): 1 for key in range(100)}},
    ],
)
def test_a_body_with_as_many_as_it_may_have_passes(body: dict[str, Any]) -> None:
    MOST.check(body)
