from hypothesis import given
from hypothesis import strategies as st

from lethe.classifier.conversation import Conversation, Message, content_text
from tests.growth import LINEAR, growth

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=12,
)


def test_all_text_of_a_message_is_read() -> None:
    conversation = Conversation.from_openai_messages(
        [
            {
                "role": "assistant",
                "name": "keeper",
                "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}],
                "reasoning_content": "three",
                "refusal": "four",
                "tool_calls": [{"function": {"name": "five", "arguments": '{"a": "six"}'}}],
            },
            {"role": "tool", "tool_call_id": "1", "content": "seven"},
        ],
        tools=[{"type": "function", "function": {"name": "eight"}}],
    )
    text = "\n".join(message.text for message in conversation.messages)
    for word in ("one", "two", "three", "four", "five", "six", "seven", "eight", "keeper"):
        assert word in text
    assert not conversation.unreadable


def test_parts_say_where_their_text_stands() -> None:
    message = Conversation.from_openai_messages(
        [{"role": "user", "content": [{"type": "text", "text": "ab"}, {"type": "text", "text": "cd"}]}]
    ).messages[0]
    assert [(part.index, message.text[part.start : part.end]) for part in message.parts] == [
        (0, "ab"),
        (1, "cd"),
    ]


def test_a_message_begins_with_its_contents_text() -> None:
    parts = ["a", {"type": "text", "text": ""}, {"type": "thinking", "text": "x", "thinking": "b"}]
    message = {"role": "assistant", "content": parts, "reasoning": "c"}
    assert content_text(parts) == "a\nb"
    assert Conversation.from_openai_messages([message]).messages[0].text == "a\nb\nc"
    assert content_text(None) is None


def test_what_is_not_text_is_reported() -> None:
    conversation = Conversation.from_openai_messages(
        [
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "hi"}],
            },
            {"role": "user", "content": 7},
            {"role": "user", "content": "broken \ud800 text"},
        ]
    )
    assert len(conversation.messages) == 3
    assert [line.split(":")[0] for line in conversation.unreadable] == ["message 0", "message 1", "message 2"]
    conversation.messages[2].text.encode()


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["role", "content", "tool_calls", "name", "refusal", "x"]), JSON),
        max_size=4,
    )
)
def test_odd_input_never_raises_and_keeps_indices(messages: list[dict]) -> None:
    conversation = Conversation.from_openai_messages(messages)
    assert len(conversation.messages) == len(messages)
    for message in conversation.messages:
        assert all(message.text[part.start : part.end] for part in message.parts)


def test_what_is_left_without_some_stretches_keeps_its_parts_and_the_indices() -> None:
    conversation = Conversation.from_openai_messages(
        [
            {"role": "user", "content": [{"type": "text", "text": text} for text in ("abc", "def")]},
            {"role": "assistant", "content": "ghi", "reasoning": "jkl"},
        ]
    )
    left = conversation.without([(0, 1, 2), (0, 4, 7), (1, 0, 3)])
    assert [message.text for message in left.messages] == ["a\nc", "jkl"]
    assert [[part.kind for part in message.parts] for message in left.messages] == [
        ["content"],
        ["reasoning"],
    ]
    assert left.messages[1].parts[0].end == 3
    assert conversation.without([]) == conversation


@given(st.lists(st.text(max_size=6), max_size=4), st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20))))
def test_parts_stand_where_they_say_after_something_was_taken(
    texts: list[str], taken: list[tuple[int, int]]
) -> None:
    content = [{"type": "text", "text": text} for text in texts]
    message = Conversation.from_openai_messages([{"role": "user", "content": content}]).messages[0]
    left = message.without((min(each), max(each)) for each in taken)
    assert "\n".join(left.text[part.start : part.end] for part in left.parts) == left.text
    assert set(left.text) <= {*message.text, "\n"}


def test_what_is_taken_out_of_many_parts_takes_as_long_as_they_are_many() -> None:
    def message(number: int) -> Message:
        parts = [{"type": "text", "text": "ab"}] * number
        return Conversation.from_openai_messages([{"role": "user", "content": parts}]).messages[0]

    def take(given: Message) -> None:
        assert given.without((part.start, part.start + 1) for part in given.parts).text.startswith("b\nb")

    assert growth(message, take, 500) < LINEAR


def test_stretches_that_overlap_are_taken_out_once() -> None:
    (message,) = Conversation.from_openai_messages([{"role": "user", "content": "abcdefgh"}]).messages
    assert message.without([(3, 4), (1, 5), (2, 3), (6, 7)]).text == "a\nf\nh"
