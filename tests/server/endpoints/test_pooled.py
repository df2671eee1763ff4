"""Everything that a pooling engine is to make numbers of is read."""

import json
from typing import Any

import pytest

from lethe.classifier.conversation import Conversation
from lethe.server.endpoints import (
    ClassifyRequest,
    EmbeddingsRequest,
    PoolingRequest,
    RerankRequest,
    ScoreRequest,
)
from lethe.server.endpoints.endpoint import GuardedRequest
from lethe.server.errors import BadRequest

USER = {"role": "user", "content": "hi"}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}


def request(of: type[GuardedRequest], **fields: Any) -> GuardedRequest:
    asked = of.parse(json.dumps(fields).encode())
    asked.check()
    return asked


def texts(read: Conversation) -> list[str]:
    return [message.text for message in read.messages]


@pytest.mark.parametrize("of", [EmbeddingsRequest, PoolingRequest, ClassifyRequest])
@pytest.mark.parametrize(
    ("fields", "token_ids", "read"),
    [
        ({"input": "a"}, [], [["a"]]),
        ({"input": ["a", "b"]}, [], [["a"], ["b"]]),
        ({"input": [1, 2]}, [[1, 2]], [["decoded 0"]]),
        ({"input": [[1], [2]]}, [[1], [2]], [["decoded 0"], ["decoded 1"]]),
        ({"messages": [USER]}, [], [["hi"]]),
        ({"messages": [USER], "chat_template_kwargs": {"a": "b"}}, [], [["hi", '{"a": "b"}']]),
        ({"messages": [USER | {"colour": "red"}]}, [], [["hi", '[{"colour": "red"}]']]),
        ({"input": ["a"], "messages": [USER]}, [], [["a"], ["hi"]]),
    ],
)
def test_each_input_and_the_messages_are_conversations(
    of: type[GuardedRequest], fields: dict[str, Any], token_ids: list[list[int]], read: list[list[str]]
) -> None:
    asked = request(of, **fields)
    assert asked.token_id_prompts() == token_ids
    decoded = [f"decoded {index}" for index in range(len(token_ids))]
    assert [texts(each) for each in asked.conversations(decoded)] == read


@pytest.mark.parametrize(
    ("of", "fields", "read"),
    [
        (ScoreRequest, {"queries": "q", "documents": "d"}, [["q", "d"]]),
        (ScoreRequest, {"queries": "q", "items": ["a", "b"]}, [["q", "a"], ["q", "b"]]),
        (ScoreRequest, {"text_1": ["p", "q"], "text_2": ["a", "b"]}, [["p", "a"], ["q", "b"]]),
        (ScoreRequest, {"data_1": ["p", "q"], "data_2": "a"}, [["p", "a"], ["q"]]),
        (RerankRequest, {"query": "q", "documents": ["a", ""]}, [["q", "a"], ["q", ""]]),
        (RerankRequest, {"query": "q", "documents": "a", "instruction": "i"}, [["q", "a", '"i"']]),
        (
            RerankRequest,
            {"query": {"content": [{"type": "text", "text": "q", "more": "m"}]}, "documents": "a"},
            [["q", "a", '[{"type": "text", "text": "q", "more": "m"}]']],
        ),
    ],
)
def test_each_pair_that_the_model_reads_is_a_conversation(
    of: type[GuardedRequest], fields: dict[str, Any], read: list[list[str]]
) -> None:
    assert [texts(each) for each in request(of, **fields).conversations([])] == read


def test_an_image_among_what_is_scored_is_no_text() -> None:
    asked = request(RerankRequest, query="q", documents=[{"content": [IMAGE]}])
    assert all(each.unreadable for each in asked.conversations([]))


@pytest.mark.parametrize(
    ("of", "fields", "param"),
    [
        (EmbeddingsRequest, {}, "input"),
        (EmbeddingsRequest, {"input": None, "messages": None}, "input"),
        (EmbeddingsRequest, {"messages": []}, "messages"),
        (EmbeddingsRequest, {"messages": [{"role": "wizard", "content": "hi"}]}, "messages.0.role"),
        (EmbeddingsRequest, {"input": [USER]}, "input"),
        (PoolingRequest, {"data": {"any": "thing"}}, "data"),
        (PoolingRequest, {"input": "a", "data": "b"}, "data"),
        (ScoreRequest, {}, "queries"),
        (ScoreRequest, {"queries": "q"}, "queries"),
        (ScoreRequest, {"queries": "q", "text_2": "d"}, "queries"),
        (ScoreRequest, {"queries": "q", "documents": "d", "items": "potter"}, "queries"),
        (ScoreRequest, {"queries": [], "documents": "d"}, "queries"),
        (RerankRequest, {"query": "q", "documents": [3]}, "documents.0"),
        (RerankRequest, {"query": "q", "documents": [{"text": "a"}]}, "documents.0.content"),
        (
            RerankRequest,
            {"query": {"content": [IMAGE | {"image_url": {"url": "http://10.0.0.1"}}]}, "documents": "a"},
            "query.content.0",
        ),
    ],
)
def test_what_cannot_be_read_is_refused(of: type[GuardedRequest], fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        request(of, **fields)
    assert refused.value.param == param
