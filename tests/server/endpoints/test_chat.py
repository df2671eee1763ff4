"""All that a chat shows the model is read, and its tokens are those of the engine's own template."""

import json
import random
from pathlib import Path
from typing import Any

import orjson
import pytest

from lethe.classifier.conversation import Conversation
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


def part_of_any_shape(chance: random.Random) -> Any:
    """A part that is text, of one of the types and in one of the forms that the engine reads."""
    words = " ".join(chance.choices(["who", "is", "Harry", "déjà", "🧙", "谁"], k=chance.randint(1, 4)))
    text = chance.choice([words, f"\n {words}", f"{words}  \n", f"one\n\n{words}", "", " ", None])
    type_name, field = chance.choice(
        [
            ("text", "text"),
            ("input_text", "text"),
            ("output_text", "text"),
            ("refusal", "refusal"),
            ("thinking", "thinking"),
        ]
    )
    further = chance.choice([{}, {"image_url": None}, {"mood": "glad"}, {"refusal": "no", "text": "yes"}])
    return chance.choice([text or "", {**further, "type": type_name, field: text}, {"type": type_name}])


def message_of_any_shape(chance: random.Random) -> dict[str, Any]:
    parts = [part_of_any_shape(chance) for _ in range(chance.randint(0, 5))]
    content = chance.choice([parts, parts, parts, "  Who is Harry? ", None])
    further = chance.choice([{}, {"name": "keeper"}, {"reasoning": "hm"}, {"refusal": "no"}])
    return {"role": chance.choice(["user", "assistant"]), "content": content, **further}


def test_the_classifier_reads_what_the_template_places(tmp_path: Path) -> None:
    """So that its offsets are offsets into the prompt, whatever a message is made of."""
    chance = random.Random(0)
    messages = [message_of_any_shape(chance) for _ in range(100)]
    write_tokenizer(tmp_path)
    [read] = request(messages=messages).conversations([])
    prompt = request(messages=messages).tokenized(PromptTokenizer.load(tmp_path))
    assert not read.unreadable
    assert prompt is not None
    # One more message follows: what else of them may reach the model.
    for message, place, given in zip(read.messages, prompt.chat.contents, messages, strict=False):
        [alone] = Conversation.from_openai_messages([{"content": given["content"]}]).messages
        placed = prompt.chat.text[place.start : place.end] if place else ""
        assert message.text.startswith(alone.text)
        assert alone.text.strip() == placed
        assert place is None or alone.text[place.skipped :].startswith(placed)
    assert sum(place is not None for place in prompt.chat.contents) > 50


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "data:x"}},
        {"text": "hi"},
        {"type": ["text"], "text": "hi"},
        {"type": "text", "text": {"text": "hi"}},
    ],
)
def test_what_the_classifier_cannot_read_is_not_placed(part: Any, tmp_path: Path) -> None:
    write_tokenizer(tmp_path)
    asked = request(messages=[{"role": "user", "content": ["hi", part]}])
    [read] = asked.conversations([])
    assert len(read.unreadable) == 1
    assert asked.tokenized(PromptTokenizer.load(tmp_path)) is None


def test_a_call_without_content_is_shown_as_the_engine_shows_it(tmp_path: Path) -> None:
    """An agent's conversation has one at each step; shown otherwise, all of the prompt would be corrupted."""
    write_tokenizer(tmp_path, ("[unk]", "hi"))
    (tmp_path / "chat_template.jinja").write_text(
        "{% for m in messages %}<{{ m.content }}>{% for c in m.tool_calls or [] %}"
        "{% for name, value in c.function.arguments.items() %}{{ name }}={{ value }} {% endfor %}{% endfor %}{% endfor %}"
    )
    call = {"type": "function", "id": "c", "function": {"name": "look", "arguments": '{"up": 1}'}}
    messages = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "found"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{**call, "function": {"name": "look", "arguments": "["}}],
        },
    ]
    prompt = request(messages=messages).tokenized(PromptTokenizer.load(tmp_path))
    assert prompt is not None
    assert prompt.chat.text == "<hi><>up=1 <found><>"
    assert prompt.chat.complete
