"""Every input whose embedding is asked for is read; none is refused in words."""

import json
from typing import Any

import pytest

from lethe.server.endpoints import EmbeddingsRequest
from lethe.server.errors import BadRequest


def request(given: Any, **fields: Any) -> EmbeddingsRequest:
    return EmbeddingsRequest.parse(json.dumps({"input": given, **fields}).encode())


@pytest.mark.parametrize(
    ("given", "token_ids", "texts"),
    [
        ("a", [], ["a"]),
        (["a", "b"], [], ["a", "b"]),
        ([1, 2], [[1, 2]], ["decoded 0"]),
        ([[1], [2]], [[1], [2]], ["decoded 0", "decoded 1"]),
    ],
)
def test_each_input_is_a_conversation(given: Any, token_ids: list[list[int]], texts: list[str]) -> None:
    asked = request(given)
    assert asked.token_id_prompts() == token_ids
    read = asked.conversations([f"decoded {index}" for index in range(len(token_ids))])
    assert [message.text for each in read for message in each.messages] == texts


def test_messages_in_the_inputs_place_are_refused() -> None:
    assert request("a", messages=None).body["messages"] is None
    with pytest.raises(BadRequest) as refused:
        request("a", messages=[{"role": "user", "content": "hi"}])
    assert refused.value.param == "messages"


def test_an_embedding_is_no_text_and_cannot_be_refused() -> None:
    asked = request("a")
    assert not asked.generates
    with pytest.raises(NotImplementedError):
        asked.refusal("m", "No.")
