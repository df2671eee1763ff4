"""Every prompt of a completion is read, with what follows its answer, in whatever form it comes."""

import json
from typing import Any

import orjson
import pytest

from lethe.server.endpoints import CompletionRequest


def request(prompt: Any, **fields: Any) -> CompletionRequest:
    return CompletionRequest.parse(json.dumps({"prompt": prompt, **fields}).encode())


@pytest.mark.parametrize(
    ("prompt", "token_ids"),
    [("a", []), (["a", "b"], []), ([1, 2], [[1, 2]]), ([[1], [2, 3]], [[1], [2, 3]]), ("", [])],
)
def test_prompts_of_token_ids_are_told(prompt: Any, token_ids: list[list[int]]) -> None:
    assert request(prompt).token_id_prompts() == token_ids


@pytest.mark.parametrize(
    ("prompt", "decoded", "texts"),
    [
        ("a", [], ["a"]),
        (["a", "b"], [], ["a", "b"]),
        ([1, 2], ["decoded"], ["decoded"]),
        ([[1], [2]], ["one", "two"], ["one", "two"]),
    ],
)
@pytest.mark.parametrize("suffix", [None, " and after"])
def test_each_prompt_is_a_conversation_with_what_follows(
    prompt: Any, decoded: list[str], texts: list[str], suffix: str | None
) -> None:
    read = list(request(prompt, suffix=suffix).conversations(decoded))
    assert [[message.text for message in each.messages] for each in read] == [
        [text + (suffix or "")] for text in texts
    ]


@pytest.mark.parametrize(
    ("fields", "demanded"),
    [
        ({}, False),
        ({"response_format": {"type": "text"}}, False),
        ({"structured_outputs": {"choice": ["x"]}}, True),
    ],
)
def test_what_the_answer_must_contain_is_told(fields: dict[str, Any], demanded: bool) -> None:
    assert (request("a", **fields).demanded_output() is not None) is demanded


@pytest.mark.parametrize(
    ("prompt", "answers"), [("a", 1), ([1, 2], 1), (["a", "b"], 2), ([[1], [2], [3]], 3)]
)
def test_a_refusal_answers_every_prompt(prompt: Any, answers: int) -> None:
    choices = orjson.loads(request(prompt).refusal("m", "No.").body)["choices"]
    assert [choice["text"] for choice in choices] == ["No."] * answers
