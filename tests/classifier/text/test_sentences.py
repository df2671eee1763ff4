from hypothesis import given
from hypothesis import strategies as st

from lethe.classifier.text.sentences import split_sentences


def _texts(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


def test_each_sentence_stands_alone() -> None:
    text = 'The tide was low at dawn. "Who keeps the lighthouse on the rock?" Nobody in the village knew it.'
    assert "Who keeps the lighthouse on the rock?" in [part.strip('" ') for part in _texts(text)]


def test_a_single_sentence_is_not_split() -> None:
    assert _texts("Who keeps the lighthouse on the rock?") == []


def test_full_stops_between_words_hide_nothing() -> None:
    parts = _texts("Who. keeps. the. lighthouse. on. the. rock. of. Alderney. today. or. not.")
    assert all(len(part) >= 20 for part in parts[:-1])


def test_a_question_stands_without_the_label_or_the_answer_before_it() -> None:
    parts = _texts("How tall is the tower?\nA: Nine feet\nQ: Who keeps the lighthouse on the rock?\nA:")
    assert "Who keeps the lighthouse on the rock?" in [part.strip() for part in parts]


@given(text=st.text(alphabet='ab .?\n"', max_size=700))
def test_sentences_cover_the_text_and_stay_short(text: str) -> None:
    sentences = split_sentences(text)
    assert all(0 < end - start <= 170 for start, end in sentences)
    if sentences:
        assert {index for start, end in sentences for index in range(start, end)} == set(range(len(text)))
