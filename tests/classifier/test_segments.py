from hypothesis import given
from hypothesis import strategies as st

from classifier.encoder import Encoder
from classifier.segments import split_segments


def _texts(encoder: Encoder, text: str) -> list[str]:
    tokens = encoder.tokenize(text)
    return [text[tokens.starts[start] : tokens.ends[end - 1]] for start, end in split_segments(text, tokens)]


def test_each_sentence_is_a_segment(encoder: Encoder) -> None:
    text = 'The tide was low at dawn. "Who keeps the lighthouse on the rock?" Nobody in the village knew it.'
    assert "Who keeps the lighthouse on the rock?" in [part.strip('" ') for part in _texts(encoder, text)]


def test_a_single_short_sentence_needs_no_segments(encoder: Encoder) -> None:
    assert _texts(encoder, "Who keeps the lighthouse on the rock?") == []


def test_full_stops_between_words_hide_nothing(encoder: Encoder) -> None:
    parts = _texts(encoder, "Who. keeps. the. lighthouse. on. the. rock. of. Alderney. today. or. not.")
    assert all(len(part) > 10 for part in parts)


@given(text=st.text(alphabet='ab .?\n"', max_size=400))
def test_segments_cover_every_token_and_stay_short(encoder: Encoder, text: str) -> None:
    tokens = encoder.tokenize(text)
    segments = split_segments(text, tokens)
    assert all(0 < end - start <= 37 for start, end in segments)
    if segments:
        assert {index for start, end in segments for index in range(start, end)} == set(range(len(tokens)))
