"""All that a message in Anthropic's form shows the model is read, and what it would not be shown is refused."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from lethe.corruption.positions import PromptTokenizer
from lethe.server.endpoints import CountTokensRequest, MessagesRequest
from lethe.server.errors import BadRequest
from lethe.server.guard.scope import kinds_of
from tests.server.anthropic_requests import BILLING, IMAGE, agent_body, message_body, tool
from tests.server.stack import write_tokenizer

SECRET = "a secret"
TEXT = {"type": "text", "text": "hi"}


def request(**fields: Any) -> MessagesRequest:
    """A request that may pass."""
    parsed = MessagesRequest.parse(json.dumps(message_body("hi", **fields)).encode())
    parsed.check()
    return parsed


def read(**fields: Any) -> list[tuple[str, str]]:
    [conversation] = request(**fields).conversations([])
    assert not conversation.unreadable
    return [(message.role, message.text) for message in conversation.messages]


def said(*blocks: dict[str, Any], role: str = "user") -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "hi"}, {"role": role, "content": list(blocks)}]}


def result(*content: dict[str, Any]) -> dict[str, Any]:
    return said({"type": "tool_result", "tool_use_id": "t", "content": list(content)})


def call(**fields: Any) -> dict[str, Any]:
    return said({"type": "tool_use", "id": "t", "name": "look", "input": {}} | fields, role="assistant")


def test_a_text_is_one_users_message_after_the_systems() -> None:
    assert read() == [("user", "hi")]
    assert read(system="Be brief.") == [("system", "Be brief."), ("user", "hi")]
    assert read(system=[TEXT, TEXT])[0] == ("system", "hihi")


def test_a_tools_result_comes_before_what_is_said_with_it() -> None:
    answer = {"type": "tool_result", "tool_use_id": "t", "content": "found"}
    messages = read(**said({"type": "text", "text": "so"}, answer))
    assert messages[:3] == [("user", "hi"), ("tool", "found"), ("user", "so")]


def test_a_prefilled_answer_is_read_as_what_was_said() -> None:
    assert read(**said(TEXT, role="assistant"))[1] == ("assistant", "hi")


READ = {
    "system": {"system": SECRET},
    "system-block": {"system": [{"type": "text", "text": SECRET}]},
    "system-among-messages": said({"type": "text", "text": SECRET}, role="system"),
    "left-out-by-the-engine": {"system": [{"type": "text", "text": f"{BILLING} {SECRET}"}]},
    "text": said({"type": "text", "text": SECRET}),
    "prefill": said({"type": "text", "text": SECRET}, role="assistant"),
    "thinking": said({"type": "thinking", "thinking": SECRET, "signature": ""}, role="assistant"),
    "call-name": call(name=SECRET),
    "call-id": call(id=SECRET),
    "call-input": call(input={"a": [SECRET]}),
    "call-input-name": call(input={SECRET: 1}),
    "result": said({"type": "tool_result", "tool_use_id": "t", "content": SECRET}),
    "result-text": result({"type": "text", "text": SECRET}),
    "result-id": said({"type": "tool_result", "tool_use_id": SECRET}),
    "result-of-a-search-for-tools": result({"type": "tool_reference", "tool_name": SECRET}),
    "tool-name": {"tools": [tool(SECRET)]},
    "tool-description": {"tools": [tool("look", SECRET)]},
    "tool-added": said(
        {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": tool(SECRET)}},
        role="system",
    ),
    "tool-choice": {"tool_choice": {"type": "tool", "name": SECRET}},
    "form": {"output_config": {"format": {"type": "json_schema", "schema": {"const": SECRET}}}},
    "template-arguments": {"chat_template_kwargs": {"mood": SECRET}},
}


@pytest.mark.parametrize("fields", READ.values(), ids=READ.keys())
def test_what_reaches_the_model_is_read(fields: dict[str, Any]) -> None:
    assert SECRET in str(read(**fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"metadata": {"user_id": SECRET}},
        {"stop_sequences": [SECRET]},
        {"system": None, "tools": None, "tool_choice": None, "output_config": None},
        said({"type": "redacted_thinking", "data": SECRET}, role="assistant"),
        said({**TEXT, "cache_control": {"type": "ephemeral", "ttl": SECRET}, "citations": [SECRET]}),
        said({"type": "text", "text": None}),
    ],
)
def test_what_the_model_is_not_shown_changes_nothing(fields: dict[str, Any]) -> None:
    assert SECRET not in str(read(**fields))


REFUSED = {
    "role": ({"messages": [{"role": "tool", "content": "hi"}]}, "messages.0.role"),
    "document": (
        said({"type": "document", "source": {"type": "text", "data": "hi"}}),
        "messages.1.content.0",
    ),
    "search-result": (said({"type": "search_result", "content": [TEXT]}), "messages.1.content.0"),
    "server-tool": (said({"type": "server_tool_use", "name": "x"}, role="assistant"), "messages.1.content.0"),
    "search": (
        said({"type": "web_search_tool_result", "content": []}, role="assistant"),
        "messages.1.content.0",
    ),
    "container": (said({"type": "container_upload", "file_id": "f"}), "messages.1.content.0"),
    "untyped": (said({"text": "hi"}), "messages.1.content.0"),
    "odd-type": (said({"type": ["text"], "text": "hi"}), "messages.1.content.0"),
    "call-of-the-user": (said({"type": "tool_use", "name": "x"}), "messages.1.content.0"),
    "result-of-the-assistant": (
        said({"type": "tool_result", "content": "x"}, role="assistant"),
        "messages.1.content.0",
    ),
    "image-of-the-system": ({"system": [TEXT, IMAGE]}, "system.1"),
    "document-in-a-result": (
        result(TEXT, {"type": "document", "source": {"type": "base64", "data": "AA"}}),
        "messages.1.content.0.content.1",
    ),
    "image-by-address": (
        said({"type": "image", "source": {"type": "url", "url": "http://169.254.169.254/latest"}}),
        "messages.1.content.0.source",
    ),
    "image-by-address-in-a-result": (
        result({"type": "image", "source": {"type": "url", "url": "file:///etc/passwd"}}),
        "messages.1.content.0.content.0.source",
    ),
    "image-by-no-address": (
        said({"type": "image", "source": {"type": "url", "url": None}}),
        "messages.1.content.0.source",
    ),
    "text-of-another-type": (said({"type": "text", "text": {"a": "b"}}), "messages.1.content.0.text"),
    "result-of-another-type": (result({"type": "text", "text": 3}), "messages.1.content.0.content.0.text"),
    "input-of-another-type": (call(input="{}"), "messages.1.content.0.input"),
    "tool-on-a-server": ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools.0"),
    "added-tool-on-a-server": (
        said({"type": "tool_addition", "tool": {"type": "tool_definition", "definition": {}}}, role="system"),
        "messages.1.content.0.tool.definition",
    ),
}


@pytest.mark.parametrize(("fields", "param"), REFUSED.values(), ids=REFUSED.keys())
def test_what_could_not_be_judged_is_refused_by_its_place(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        request(**fields)
    assert refused.value.param == param
    assert refused.value.message.startswith(param)


@pytest.mark.parametrize(
    "change",
    [
        {"messages": []},
        {"messages": None},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "user", "content": ["hi"]}]},
        {"messages": [{"role": "user", "content": None}]},
        {"model": 7},
        {"system": 3},
        {"tools": {}},
        {"tool_choice": "auto"},
        {"stream": "perhaps"},
    ],
)
def test_a_wrong_type_is_refused_by_its_name(change: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as refused:
        request(**change)
    [field] = change
    assert str(refused.value.param).startswith(field)


@pytest.mark.parametrize("fields", [said(TEXT, IMAGE), result(IMAGE)])
def test_an_image_is_what_cannot_be_read(fields: dict[str, Any], tmp_path: Path) -> None:
    write_tokenizer(tmp_path)
    asked = request(**fields)
    [conversation] = asked.conversations([])
    assert len(conversation.unreadable) == 1
    assert asked.tokenized(PromptTokenizer.load(tmp_path)) is None


@pytest.mark.parametrize(
    ("fields", "demanded"),
    [
        ({}, None),
        ({"output_config": {"effort": "low"}}, None),
        ({"output_config": {"format": {"type": "json_schema", "schema": {"const": "x"}}}}, "const"),
        ({"tools": [tool("look")]}, None),
        ({"tools": [tool("look")], "tool_choice": {"type": "auto"}}, None),
        ({"tools": [tool("look")], "tool_choice": {"type": "none"}}, None),
        ({"tools": [tool("look")], "tool_choice": {"type": "any"}}, "look"),
        ({"tools": [tool("look")], "tool_choice": {"type": "tool", "name": "look"}}, "look"),
    ],
)
def test_what_the_answer_must_contain_is_told(fields: dict[str, Any], demanded: str | None) -> None:
    demand = request(**fields).demanded_output()
    assert (demand is None) == (demanded is None)
    assert demanded is None or demanded in str(demand)


def test_an_agents_request_is_read_whole_and_what_changes_each_time_last() -> None:
    asked = MessagesRequest.parse(json.dumps(agent_body(3, "def f(): pass")).encode())
    asked.check()
    [conversation] = asked.conversations([])
    assert [message.role for message in conversation.messages] == [
        *("system", "user"),
        *("assistant", "tool") * 3,
        "beside",
    ]
    assert not conversation.unreadable
    kinds = kinds_of(conversation)
    assert [message[0] for message in kinds[:4]] == [
        "system",
        "newest_turn",
        "assistant_turns",
        "tool_results",
    ]
    assert "reasoning" in kinds[2]
    assert kinds[-1][:50] == ("tool_definitions",) * 50
    assert BILLING not in conversation.messages[0].text
    assert conversation.messages[-1].text.endswith(json.dumps(BILLING))


def test_its_tokens_are_those_of_the_template_with_what_the_engine_tells_it(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, ("[unk]", "hi"))
    (tmp_path / "chat_template.jinja").write_text(
        "{% for m in messages %}{{ m.content }} {{ m.reasoning_content }} "
        "{% for c in m.tool_calls %}{{ c.function.arguments | tojson }} {% endfor %}{% endfor %}"
        "{% for t in tools or [] %}{{ t.function.parameters.type }} {% endfor %}"
        "{% if enable_thinking is defined %}{{ enable_thinking }} {{ reasoning_effort }}{% endif %}"
        "{% if add_generation_prompt %}END{% endif %}"
    )
    tokenizer = PromptTokenizer.load(tmp_path)

    def shown(**fields: Any) -> list[str]:
        tokenized = request(**fields).tokenized(tokenizer)
        assert tokenized is not None
        return tokenized.chat.text.split()

    assert shown() == ["hi", "END"]
    assert shown(thinking={"type": "disabled"}) == ["hi", "False", "noneEND"]
    assert shown(output_config={"effort": "low"}) == ["hi", "True", "lowEND"]
    assert shown(chat_template_kwargs={"add_generation_prompt": False}) == ["hi", "END"]
    assert shown(tools=[{"name": "look", "input_schema": {}}]) == ["hi", "object", "END"]
    thought = {"type": "thinking", "thinking": "so"}
    assert shown(
        **said(thought, {"type": "tool_use", "name": "look", "input": {"a": 1}}, role="assistant")
    ) == ["hi", "so", '{"a":', "1}", "END"]


def test_where_tools_come_and_go_its_tokens_are_not_known(tmp_path: Path) -> None:
    write_tokenizer(tmp_path)
    added = {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "look"}}
    asked = request(**said(added, role="system"), tools=[tool("look")])
    assert asked.tokenized(PromptTokenizer.load(tmp_path)) is None


def test_the_engine_is_asked_as_the_client_asked() -> None:
    asked = request(metadata={"user_id": "u"}, system=[{**TEXT, "cache_control": {"type": "ephemeral"}}])
    assert asked.for_engine("1") == asked.body
    assert asked.for_engine("1") is not asked.body


def test_a_count_is_read_as_a_message_and_generates_nothing() -> None:
    counted = CountTokensRequest.parse(json.dumps(message_body(SECRET)).encode())
    counted.check()
    assert SECRET in str(list(counted.conversations([])))
    assert not counted.generates


def test_a_refusal_is_a_message_that_stops_for_it() -> None:
    message = orjson.loads(request().refusal("m", "No.").body)
    assert message["content"] == [{"type": "text", "text": "No."}]
    assert message["stop_reason"] == "refusal"


def test_a_streamed_refusal_is_anthropics_sequence_of_events() -> None:
    stream = bytes(request(stream=True).refusal("m", "No.").body).decode()
    events = [event.split("\n") for event in stream.strip().split("\n\n")]
    kinds = [name.removeprefix("event: ") for name, _ in events]
    documents = [json.loads(data.removeprefix("data: ")) for _, data in events]
    assert kinds == [document["type"] for document in documents]
    assert kinds == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert documents[2]["delta"] == {"type": "text_delta", "text": "No."}
    assert documents[4]["delta"]["stop_reason"] == "refusal"
