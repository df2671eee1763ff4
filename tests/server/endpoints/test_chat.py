"""All that a chat shows the model is read, and its tokens are those of the engine's own template."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from lethe.corruption.positions import PromptTokenizer
from lethe.server.endpoints import ChatRequest
from lethe.server.errors import BadRequest
from tests.server.stack import chat, write_tokenizer


def request(**fields: Any) -> ChatRequest:
    """A request that may pass."""
    parsed = ChatRequest.parse(json.dumps(chat("hi", **fields)).encode())
    parsed.check()
    return parsed


def read(**fields: Any) -> list[str]:
    [conversation] = request(**fields).conversations([])
    return [message.text for message in conversation.messages]


def test_the_messages_are_read_in_their_order() -> None:
    assert read() == ["hi"]
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]
    assert read(messages=messages) == ["Be brief.", "hi"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tools", [{"type": "function", "function": {"description": "a secret"}}]),
        ("documents", [{"title": "a secret"}]),
        ("chat_template_kwargs", {"a secret": 1}),
        ("tool_choice", {"function": {"name": "a secret"}}),
        ("response_format", {"json_schema": {"title": "a secret"}}),
        ("messages", [{"role": "user", "content": "hi", "tool_call_id": "a secret"}]),
    ],
)
def test_what_a_template_may_print_is_read_with_them(field: str, value: Any) -> None:
    assert "a secret" in read(**{field: value})[-1]


@pytest.mark.parametrize(
    "field", ["tools", "documents", "chat_template_kwargs", "tool_choice", "response_format"]
)
def test_a_null_is_nothing(field: str) -> None:
    assert read(**{field: None}) == ["hi"]


def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(BadRequest, match="embeddings"):
        request(messages=[{"role": "user", "content": [{"type": "prompt_embeds", "prompt_embeds": "x"}]}])


@pytest.mark.parametrize(
    ("fields", "demanded"),
    [
        ({}, None),
        ({"response_format": {"type": "text"}}, None),
        ({"response_format": {"type": "json_object"}}, None),
        ({"response_format": {"type": "json_schema", "json_schema": {"const": "x"}}}, "const"),
        ({"structured_outputs": {"regex": "x"}}, "regex"),
        ({"tool_choice": "none", "tools": [{"name": "look"}]}, None),
        ({"tool_choice": "auto", "tools": [{"name": "look"}]}, None),
        ({"tool_choice": "required", "tools": [{"name": "look"}]}, "look"),
        ({"tool_choice": {"function": {"name": "look"}}}, "look"),
    ],
)
def test_what_the_answer_must_contain_is_told(fields: dict[str, Any], demanded: str | None) -> None:
    demand = request(**fields).demanded_output()
    assert (demand is None) == (demanded is None)
    assert demanded is None or demanded in str(demand)


def test_a_chat_has_no_prompts_of_token_ids_and_its_body_is_a_copy() -> None:
    asked = request()
    assert asked.token_id_prompts() == []
    assert asked.for_engine("1") == asked.body
    assert asked.for_engine("1") is not asked.body


def test_its_tokens_are_those_of_the_template_with_its_switches(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, ("[unk]", "hi", "END"))
    (tmp_path / "chat_template.jinja").write_text(
        "{% for m in messages %}{{ m.content }} {% endfor %}"
        "{% if add_generation_prompt %}END {% endif %}{% if mood %}{{ mood }}{% endif %}"
    )
    tokenizer = PromptTokenizer.load(tmp_path)

    def tokens(**fields: Any) -> int:
        tokenized = request(**fields).tokenized(tokenizer)
        assert tokenized is not None
        return len(tokenized.token_ids)

    assert tokens() == 2
    assert tokens(add_generation_prompt=False) == 1
    assert tokens(chat_template_kwargs={"mood": "glad"}) == 3


@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_says_what_the_client_is_told(stream: bool) -> None:
    refusal = request(stream=stream).refusal("m", "No.")
    if not stream:
        [choice] = orjson.loads(refusal.body)["choices"]
        assert choice["message"] == {"role": "assistant", "content": "No."}
    else:
        assert b'"content":"No."' in refusal.body
        assert bytes(refusal.body).endswith(b"data: [DONE]\n\n")
