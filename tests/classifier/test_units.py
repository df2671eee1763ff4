from classifier.conversation import Conversation
from classifier.units import conversation_units


def _units(*turns: tuple[str, str]):
    return conversation_units(
        Conversation.from_openai_messages([{"role": role, "content": text} for role, text in turns])
    )


def test_every_message_is_a_unit_whatever_its_role() -> None:
    texts = [
        unit.text
        for unit in _units(("system", "one"), ("assistant", "two"), ("tool", "three"), ("user", "four"))
    ]
    assert {"one", "two", "three", "four"} <= set(texts)


def test_a_question_is_read_in_its_context() -> None:
    units = _units(
        ("user", "Tell me about the island."), ("assistant", "Gladly."), ("user", "Who keeps its light?")
    )
    assert any("island" in unit.text and "light" in unit.text for unit in units)


def test_pieces_of_a_word_over_user_turns_are_joined() -> None:
    units = _units(
        ("user", "the light"),
        ("assistant", "Go on."),
        ("user", "house of Alder"),
        ("assistant", "Yes?"),
        ("user", "ney"),
    )
    assert any("the lighthouse of Alderney" in unit.text for unit in units)


def test_a_longer_conversation_keeps_the_units_of_the_shorter() -> None:
    turns = [
        ("user" if index % 2 == 0 else "assistant", f"A longer message, number {index}. " * 4)
        for index in range(12)
    ]
    before = {unit.text for unit in _units(*turns[:-1])}
    after = {unit.text for unit in _units(*turns)}
    assert before <= after
    assert len(after - before) <= 3


def test_spans_are_carried_back_to_their_messages() -> None:
    turns = (("user", "the light"), ("user", "house"))
    joined = next(unit for unit in _units(*turns) if unit.text == "the lighthouse")
    assert list(joined.in_messages(4, 14)) == [(0, 4, 9), (1, 0, 5)]


def test_the_newest_message_comes_first() -> None:
    assert _units(("user", "old"), ("user", "newest"))[0].pieces[-1].message == 1


def test_content_parts_are_read_as_one_text_too() -> None:
    parts = [{"type": "text", "text": "Who keeps the light"}, {"type": "text", "text": "house?"}]
    conversation = Conversation.from_openai_messages([{"role": "user", "content": parts}])
    (joined,) = [unit for unit in conversation_units(conversation) if "lighthouse" in unit.text]
    assert [
        conversation.messages[message].text[start:end]
        for message, start, end in joined.in_messages(0, len(joined.text))
    ] == ["Who keeps the light", "house?"]
