"""Of messages nothing reaches the model that is not read, and nothing may be sent that cannot be."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lethe.classifier.conversation import Conversation
from lethe.server.endpoints.messages import ROLES, check_messages, leftovers
from lethe.server.errors import BadRequest
from lethe.server.guard.scope import kinds_of


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


@pytest.mark.parametrize("role", ROLES)
def test_every_role_of_openais_passes(role: str) -> None:
    check_messages([{"role": role, "content": "hi"}], "messages")


@pytest.mark.parametrize("role", ["", "root", "User", None, ["user"], 1])
def test_a_role_that_templates_would_print_is_refused_by_its_place(role: Any) -> None:
    with pytest.raises(BadRequest, match="must be one of system, developer") as refused:
        check_messages([{"role": "user"}, {"role": role}], "input")
    assert refused.value.param == "input.1.role"


@pytest.mark.parametrize(
    "part",
    [
        "a text alone",
        {"type": "text", "text": "hi"},
        {"type": "refusal", "refusal": "no"},
        {"type": "text", "text": "hi", "image_url": None},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}},
        {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
        {"type": "unknown", "unknown": 1},
    ],
)
def test_a_part_that_is_text_or_comes_along_may_be_sent(part: Any) -> None:
    check_messages([user(part)], "messages")


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"type": "prompt_embeds", "prompt_embeds": "x"}, "not embeddings"),
        ({"type": "text", "text": "hi", "image_embeds": "x"}, "not embeddings"),
        ({"text": "hi", "audio_embeds": None}, "not embeddings"),
        ({"type": "text", "image_embeds": None, "uuid": "kept"}, "not embeddings"),
        ({"type": "text", "text": "hi", "image_url": "data:x"}, "must not carry anything else"),
        ({"type": "thinking", "thinking": "hm", "tool_reference": "x"}, "must not carry anything else"),
        ({"type": "image_url", "image_url": {"url": "http://host/"}}, "data: URL"),
        ({"type": "image_url", "image_url": "file:///etc/passwd"}, "data: URL"),
        ({"type": "input_file", "file_url": "https://host/"}, "data: URL"),
        ({"type": "video_url", "video_url": {"file_url": "https://host/"}}, "data: URL"),
        ({"type": ["text"], "url": "https://host/"}, "data: URL"),
    ],
)
def test_a_part_that_would_not_be_read_is_refused_by_its_place(part: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRequest, match=message) as refused:
        check_messages([user({"type": "text", "text": "hi"}, part)], "messages")
    assert refused.value.param == "messages.0.content.1"


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": "hi"},
        {"role": "user", "content": None, "name": "ann"},
        user({"type": "text", "text": "hi"}, "hi"),
        user({"type": "text", "text": "hi", "image_url": None}),
        {
            "role": "assistant",
            "refusal": "no",
            "reasoning": "hm",
            "reasoning_content": "hm",
            "thinking": "hm",
        },
        {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": "x"}}]},
        {"role": "assistant", "tool_calls": None, "audio": None},
    ],
)
def test_what_is_read_as_text_is_not_left_over(message: dict[str, Any]) -> None:
    assert leftovers([message]) == []


@pytest.mark.parametrize(
    ("message", "left"),
    [
        ({"role": "user", "content": "hi", "mood": "glad"}, [{"mood": "glad"}]),
        ({"role": "tool", "content": "hi", "tool_call_id": "c"}, [{"tool_call_id": "c"}]),
        ({"role": "document 3", "content": "hi"}, [{"role": "document 3"}]),
        (
            {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {}}]},
            [{"id": "c"}],
        ),
        ({"role": "assistant", "tool_calls": [{"type": "other"}]}, [{"type": "other"}]),
        (
            {"role": "assistant", "tool_calls": [{"function": {"name": "x", "note": "hm"}}]},
            [{"function.note": "hm"}],
        ),
        (
            {"role": "assistant", "function_call": {"arguments": "", "note": "hm"}},
            [{"function.note": "hm"}],
        ),
        (user({"type": "text", "text": "hi", "mood": None}), [{"type": "text", "text": "hi", "mood": None}]),
        (
            user({"type": "text", "text": "hi", "thinking": "hm"}),
            [{"type": "text", "text": "hi", "thinking": "hm"}],
        ),
        (user({"type": "image_url", "image_url": "data:x"}), [{"type": "image_url", "image_url": "data:x"}]),
        ({"role": "assistant", "tool_calls": "text"}, [{"tool_calls": "text"}]),
    ],
)
def test_what_a_template_may_print_besides_is_left_over(message: dict[str, Any], left: list[Any]) -> None:
    assert leftovers([{"role": "user", "content": "hi"}, message]) == ([left] if left else [])


SECRET = "a secret"
FIELDS = st.sampled_from(
    ["text", "refusal", "thinking", "content", "reasoning", "name", "id", "function", "x"]
)
VALUES = st.recursive(
    st.just(SECRET),
    lambda inner: (
        st.dictionaries(FIELDS, inner, min_size=1, max_size=2) | st.lists(inner, min_size=1, max_size=2)
    ),
    max_leaves=4,
)


@settings(max_examples=60)
@given(
    st.sampled_from(["content", "reasoning", "refusal", "name", "tool_call_id", "x"]),
    st.just(SECRET)
    | st.lists(st.dictionaries(FIELDS | st.just("type"), VALUES, min_size=1, max_size=3), min_size=1),
)
def test_a_word_is_found_wherever_it_stands_or_the_message_is_no_text(field: str, value: Any) -> None:
    message = {"role": "user", field: value}
    try:
        check_messages([message], "messages")
    except BadRequest:
        return
    read = Conversation.from_openai_messages([message], leftovers([message]))
    assert read.unreadable or any(SECRET in each.text for each in read.messages)


@pytest.mark.parametrize("role", ["documents", "document 3", 'document {"id": "a"}'])
def test_a_document_in_a_message_of_its_own_is_one_and_no_turn_of_the_user(role: str) -> None:
    messages = [{"role": "user", "content": "hi"}, {"role": role, "content": "found"}]
    conversation = Conversation.from_openai_messages(messages, fields=leftovers(messages))
    assert kinds_of(conversation) == (("newest_turn",), ("documents",), ("newest_turn",))
