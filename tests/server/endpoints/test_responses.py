"""Everything that a response is made from is read, in whatever item it comes; what is kept elsewhere is refused."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from lethe.corruption.positions import PromptTokenizer
from lethe.server.endpoints import ResponsesRequest
from lethe.server.errors import BadRequest
from tests.server.stack import write_tokenizer


def request(given: Any, **fields: Any) -> ResponsesRequest:
    """A request that may pass."""
    parsed = ResponsesRequest.parse(json.dumps({"input": given, **fields}).encode())
    parsed.check()
    return parsed


def read(given: Any, **fields: Any) -> list[tuple[str, str]]:
    [conversation] = request(given, **fields).conversations([])
    return [(message.role, message.text) for message in conversation.messages]


def test_a_text_is_one_users_message_after_the_instructions() -> None:
    assert read("hi") == [("user", "hi")]
    assert read("hi", instructions="Be brief.") == [("system", "Be brief."), ("user", "hi")]


@pytest.mark.parametrize(
    ("item", "role", "texts"),
    [
        ({"role": "user", "content": "hi"}, "user", ["hi"]),
        (
            {"type": "message", "role": "assistant", "content": "hi", "status": "completed"},
            "assistant",
            ["hi"],
        ),
        ({"role": "user", "content": [{"type": "input_text", "text": "hi"}]}, "user", ["hi"]),
        (
            {"type": "function_call", "name": "look", "arguments": '{"up":1}'},
            "assistant",
            ["look", '{"up":1}'],
        ),
        ({"type": "custom_tool_call", "name": "run", "input": "ls"}, "assistant", ["run", "ls"]),
        ({"type": "function_call_output", "call_id": "c", "output": "found"}, "tool", ["found"]),
        ({"type": "custom_tool_call_output", "call_id": "c", "output": "found"}, "tool", ["found"]),
        (
            {
                "type": "reasoning",
                "content": [{"type": "reasoning_text", "text": "so"}],
                "summary": [{"text": "x"}],
            },
            "assistant",
            ["so", "x"],
        ),
    ],
)
def test_an_item_is_read_as_the_message_that_the_engine_makes_of_it(
    item: dict[str, Any], role: str, texts: list[str]
) -> None:
    [message, *_] = read([item])
    assert message[0] == role
    assert all(text in message[1] for text in texts)


@pytest.mark.parametrize("field", ["content", "summary"])
@pytest.mark.parametrize("reasoning", ["a secret", {"text": "a secret"}, ["a secret"], [{"a secret": 1}]])
def test_reasoning_in_a_form_of_its_own_is_read_all_the_same(field: str, reasoning: Any) -> None:
    assert "a secret" in read([{"type": "reasoning", field: reasoning}])[0][1]


@pytest.mark.parametrize("reasoning", [5, True, None, "", 0.5])
def test_reasoning_that_is_no_text_fails_nowhere(reasoning: Any) -> None:
    assert read([{"type": "reasoning", "content": reasoning}])[0][0] == "assistant"


@pytest.mark.parametrize("field", ["tools", "tool_choice", "text", "reasoning", "chat_template_kwargs"])
def test_what_templates_may_print_beside_is_read(field: str) -> None:
    value: Any = {"type": "function", "name": "a secret"}
    assert "a secret" in str(read("hi", **{field: [value] if field == "tools" else value}))


def test_what_is_not_read_of_an_item_is_read_beside() -> None:
    item = {"type": "function_call_output", "call_id": "a secret", "output": "found"}
    assert "a secret" in str(read([item]))


@pytest.mark.parametrize("name", ["role", "content", "tool_calls", "reasoning", "output", "further"])
@pytest.mark.parametrize(
    "item",
    [
        {"type": "function_call", "name": "look", "arguments": "a secret"},
        {"type": "custom_tool_call", "name": "look", "input": "a secret"},
        {"type": "function_call_output", "call_id": "c", "output": "a secret"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "a secret"},
        {"type": "reasoning", "summary": [{"text": "a secret"}]},
    ],
    ids=lambda item: item["type"],
)
def test_nothing_else_that_an_item_says_takes_the_place_of_what_the_engine_reads(
    item: dict[str, Any], name: str
) -> None:
    [message, *beside] = read([{name: "another"} | item])
    assert message[0] == ("tool" if "output" in item["type"] else "assistant")
    assert "a secret" in message[1]
    assert name in item or "another" in str([message, *beside])


def test_what_an_output_holds_is_checked_whatever_stands_beside_it() -> None:
    output = [{"type": "prompt_embeds", "prompt_embeds": "x"}]
    with pytest.raises(BadRequest, match="not embeddings"):
        request([{"type": "function_call_output", "output": output, "content": "fine"}])


@pytest.mark.parametrize(
    ("given", "fields", "param"),
    [
        ("hi", {"previous_response_id": "r"}, "previous_response_id"),
        ("hi", {"conversation": {"id": "c"}}, "conversation"),
        ("hi", {"prompt": {"id": "p"}}, "prompt"),
        ("hi", {"background": True}, "background"),
        ("hi", {"tools": [{"type": "function"}, {"type": "web_search"}]}, "tools.1"),
        ([{"role": "user", "content": "hi"}, {"type": "item_reference", "id": "i"}], {}, "input.1"),
        ([{"type": ["message"], "role": "user"}], {}, "input.0"),
        ([{"type": "reasoning", "encrypted_content": "x"}], {}, "input.0"),
        ([{"role": "root", "content": "hi"}], {}, "input.0.role"),
    ],
)
def test_what_cannot_be_judged_is_refused_by_name(given: Any, fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        request(given, **fields)
    assert refused.value.param == param


def test_a_field_that_says_nothing_is_none() -> None:
    request("hi", previous_response_id=None, background=False, tools=None)


@pytest.mark.parametrize(
    ("fields", "demanded"),
    [
        ({}, None),
        ({"text": {"format": {"type": "text"}}}, None),
        ({"text": {"format": {"type": "json_schema", "schema": {"const": "x"}}}}, "const"),
        ({"structured_outputs": {"choice": ["x"]}}, "choice"),
        ({"structured_outputs": {"choice": ["x"], "type": "text"}}, "choice"),
        ({"tool_choice": "auto", "tools": [{"type": "function", "name": "x"}]}, None),
        ({"tool_choice": "required", "tools": [{"type": "function", "name": "look"}]}, "look"),
    ],
)
def test_what_the_answer_must_contain_is_told(fields: dict[str, Any], demanded: str | None) -> None:
    demand = request("hi", **fields).demanded_output()
    assert (demand is None) == (demanded is None)
    assert demanded is None or demanded in str(demand)


def test_the_engine_is_told_the_id_and_to_keep_nothing() -> None:
    asked = request("hi", store=True, temperature=0)
    assert asked.for_engine("1") == asked.body | {"request_id": "resp_1", "store": False}
    assert asked.body["store"] is True


@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_is_an_incomplete_response(stream: bool) -> None:
    refusal = request("hi", stream=stream, instructions="Be brief.").refusal("m", "No.")
    last = bytes(refusal.body).strip().rpartition(b"data: ")[2] if stream else bytes(refusal.body)
    response = orjson.loads(last)["response"] if stream else orjson.loads(last)
    assert (response["status"], response["model"]) == ("incomplete", "m")
    assert response["incomplete_details"] == {"reason": "content_filter"}
    assert response["output"][0]["content"][0]["text"] == "No."
    assert response["instructions"] == "Be brief."


@pytest.fixture
def tokenizer(tmp_path: Path) -> PromptTokenizer:
    write_tokenizer(tmp_path, ("[unk]", "hi"))
    (tmp_path / "chat_template.jinja").write_text(
        "{% for t in tools or [] %}{{ t.function.name }} {% endfor %}"
        "{% for m in messages %}<{{ m.role }} {{ m.content }}>{% endfor %}{% if add_generation_prompt %}END{% endif %}"
    )
    return PromptTokenizer.load(tmp_path)


def test_each_item_has_its_place_in_the_prompt(tokenizer: PromptTokenizer) -> None:
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        {"type": "function_call", "name": "look", "call_id": "c", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "found"},
    ]
    tool = {"type": "function", "name": "look", "parameters": {}}
    asked = request(items, instructions="Be brief.", tools=[tool])
    prompt = asked.tokenized(tokenizer)
    assert prompt is not None
    assert prompt.chat.text == "look <system Be brief.><user hi><assistant ><tool found>END"
    [conversation] = asked.conversations([])
    placed = [place and prompt.chat.text[place.start : place.end] for place in prompt.chat.contents]
    assert placed == ["Be brief.", "hi", None, "found"]
    assert [message.text for message in conversation.messages[:2]] == placed[:2]


def test_an_unfinished_answer_is_gone_on_with(tokenizer: PromptTokenizer) -> None:
    begun = {"type": "message", "role": "assistant", "status": "incomplete", "content": "The"}
    prompt = request([{"role": "user", "content": "hi"}, begun]).tokenized(tokenizer)
    assert prompt is not None
    assert prompt.chat.text == "<user hi><assistant The>"


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ([{"role": "assistant", "content": "so"}, {"type": "function_call", "name": "look"}], {}),
        ([{"role": "assistant", "content": [{"type": "output_text", "text": each} for each in "ab"]}], {}),
        ("hi", {"tools": [{"type": "custom", "name": "run"}]}),
    ],
)
def test_what_the_engine_puts_together_has_no_known_places(
    given: Any, fields: dict[str, Any], tokenizer: PromptTokenizer
) -> None:
    assert request(given, **fields).tokenized(tokenizer) is None
