import itertools

import pytest

from lethe.classifier.conversation import Conversation
from lethe.classifier.passages import conversation_passages
from tests.growth import LINEAR, growth


def _passages(*turns: tuple[str, str]):
    return conversation_passages(
        Conversation.from_openai_messages([{"role": role, "content": text} for role, text in turns])
    )


def test_every_message_is_a_passage_whatever_its_role() -> None:
    texts = [
        passage.text
        for passage in _passages(("system", "one"), ("assistant", "two"), ("tool", "three"), ("user", "four"))
    ]
    assert {"one", "two", "three", "four"} <= set(texts)


def test_a_question_is_read_in_its_context() -> None:
    passages = _passages(
        ("user", "Tell me about the island."), ("assistant", "Gladly."), ("user", "Who keeps its light?")
    )
    assert any("island" in passage.text and "light" in passage.text for passage in passages)


def test_a_long_message_is_cut_between_words_where_it_meets_another() -> None:
    page = " ".join(f"Chapter{number} overviews" for number in range(40))
    passages = _passages(("system", page), ("assistant", page), ("user", page))
    meeting = [passage for passage in passages if "\n" in passage.text]
    assert meeting
    assert all(len(passage.pieces) == 2 for passage in meeting)
    assert {word for passage in meeting for word in passage.text.split()} <= set(page.split())


def test_pieces_of_a_word_over_user_turns_are_joined() -> None:
    passages = _passages(
        ("user", "the light"),
        ("assistant", "Go on."),
        ("user", "house of Alder"),
        ("assistant", "Yes?"),
        ("user", "ney"),
    )
    assert any("the lighthouse of Alderney" in passage.text for passage in passages)


def test_letters_over_any_number_of_user_turns_are_joined() -> None:
    name = "lighthouse of Alderney"
    letters = [("user", letter) for letter in (name * 90).replace(" ", "")]
    joined = [
        passage.text
        for passage in _passages(*letters)
        if len(passage.text) > 100 and "\n" not in passage.text
    ]
    assert all(len(text) <= 1024 for text in joined)
    whole = (name * 90).replace(" ", "")
    assert all(any(whole[at : at + 200] in text for text in joined) for at in range(0, len(whole) - 200, 50))


def test_a_short_turn_more_changes_few_passages() -> None:
    turns = [("user", f"turn {number}") for number in range(200)]
    before = {passage.text for passage in _passages(*turns[:-1])}
    after = {passage.text for passage in _passages(*turns)}
    assert len(after - before) <= 4


def test_the_beginning_of_a_passage_points_to_the_same_messages() -> None:
    joined = next(
        passage
        for passage in _passages(("user", "the light"), ("user", "house"))
        if passage.text == "the lighthouse"
    )
    beginning = joined.beginning(11)
    assert beginning.text == "the lightho"
    assert list(beginning.in_messages(0, 15)) == [(0, 0, 9), (1, 0, 2)]
    assert joined.beginning(4).pieces[-1].message == 0


def test_a_longer_conversation_keeps_the_units_of_the_shorter() -> None:
    turns = [
        ("user" if index % 2 == 0 else "assistant", f"A longer message, number {index}. " * 4)
        for index in range(12)
    ]
    before = {passage.text for passage in _passages(*turns[:-1])}
    after = {passage.text for passage in _passages(*turns)}
    assert before <= after
    assert len(after - before) <= 3


def test_spans_are_carried_back_to_their_messages() -> None:
    turns = (("user", "the light"), ("user", "house"))
    joined = next(passage for passage in _passages(*turns) if passage.text == "the lighthouse")
    assert list(joined.in_messages(4, 14)) == [(0, 4, 9), (1, 0, 5)]


def test_a_question_on_a_line_of_a_long_message_is_read_by_itself_too() -> None:
    asked, page = "Who keeps the lighthouse of Alderney?", "A page on other things, and long. " * 9
    text = f"{page}\n{asked}\n{page}"
    [line] = [
        passage for passage in _passages(("tool", text), ("user", "Go on.")) if passage.standing == "line"
    ]
    assert line.text == asked
    assert list(line.in_messages(0, len(asked))) == [(0, len(page) + 1, len(page) + 1 + len(asked))]


def test_of_such_lines_those_of_the_newest_messages_are_read() -> None:
    page = "\n".join([*("A page on other things, and long. " * 9 for _ in range(2)), "{}"])
    turns = [("tool", page.format(f"Who keeps the lighthouse of island {number}?")) for number in range(40)]
    lines = [passage.text for passage in _passages(*turns) if passage.standing == "line"]
    assert lines == [f"Who keeps the lighthouse of island {number}?" for number in range(39, 23, -1)]


def test_the_newest_message_comes_first() -> None:
    assert _passages(("user", "old"), ("user", "newest"))[0].pieces[-1].message == 1


@pytest.mark.parametrize("kinds", list(itertools.product(("text", "refusal", "thinking"), repeat=2)))
def test_content_parts_of_any_kind_are_read_as_one_text_too(kinds: tuple[str, str]) -> None:
    texts = ("Who keeps the light", "house?")
    parts = [{"type": kind, kind: text} for kind, text in zip(kinds, texts, strict=True)]
    conversation = Conversation.from_openai_messages([{"role": "user", "content": parts}])
    (joined,) = [passage for passage in conversation_passages(conversation) if "lighthouse" in passage.text]
    assert [
        conversation.messages[message].text[start:end]
        for message, start, end in joined.in_messages(0, len(joined.text))
    ] == ["Who keeps the light", "house?"]


@pytest.mark.parametrize("letters", [2, 70])
def test_messages_of_the_system_are_read_without_a_gap_too(letters: int) -> None:
    asked = "Who keeps the lighthouse of Alderney in winter, and who kept it before the war with the sea?"
    turns = [
        turn
        for start in range(0, len(asked), letters)
        for turn in (("system", asked[start : start + letters]), ("user", "go on"))
    ]
    texts = [passage.text for passage in _passages(*turns)]
    assert any("the lighthouse of Alderney in winter" in text for text in texts)


def test_many_messages_take_as_long_as_they_are_many() -> None:
    def conversation(number: int) -> Conversation:
        return Conversation.from_openai_messages(
            [{"role": "user", "content": f"{turn:250}"} for turn in range(number)]
        )

    assert growth(conversation, conversation_passages, 3000) < LINEAR
