"""Tokens found by words are those that the tokenizer finds in the whole text."""

import unicodedata

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sentencepiece import SentencePieceProcessor

from lethe.classifier.encoders.files import find_encoder
from lethe.classifier.encoders.word_pieces import WORD_MARK, WordPieces
from lethe.classifier.text.canonical import canonicalise

_READ_AS_SPACES = "\u200b\u200e\u200f\ufeff\ufffd \n\xa0\u2028\u2029\u1680"


@pytest.fixture(scope="module")
def processor() -> SentencePieceProcessor:
    return SentencePieceProcessor(model_file=str(find_encoder("use-multilingual-v3").folder / "sp.model"))


@pytest.fixture(scope="module")
def pieces(processor: SentencePieceProcessor) -> WordPieces:
    return WordPieces(processor)


@given(text=st.text(max_size=80) | st.text(alphabet="aé가각か\u3099·🦄𒀀\u0301 \n.(図", max_size=40))
@example("각하 갂 가\u11a8 か\u3099が")
@example("🦄a🦄 b🦄 🦄𒀀c")
@example(" a▁b ▁ x\u200by ｶﾞ ﷺ ¨")
def test_tokens_and_their_places_are_those_of_the_whole_text(
    processor: SentencePieceProcessor, pieces: WordPieces, text: str
) -> None:
    for shown in (canonicalise(text).text, _without_controls(text)):
        whole = processor.encode(shown, return_type="offset_mapping")
        found = pieces.tokenize(shown)
        np.testing.assert_array_equal(found.ids, whole["ids"])
        offsets = zip(found.starts, found.ends, strict=True)
        assert [_without_spaces(shown[start:end]) for start, end in offsets] == [
            _without_spaces(shown[start:end]) for start, end in whole["offsets"]
        ]


def test_a_word_has_the_same_tokens_however_long_the_text_before_it(pieces: WordPieces) -> None:
    text = "unverified Llanfairpwllgwyngyll ünïcode 図書館"
    alone = pieces.tokenize(text)
    long = pieces.tokenize("another word before it, " * 20_000 + text)
    np.testing.assert_array_equal(long.ids[-len(alone) :], alone.ids)
    np.testing.assert_array_equal(long.starts[-len(alone) :] - alone.starts, 480_000)
    np.testing.assert_array_equal(long.ends[-len(alone) :] - alone.ends, 480_000)


def test_more_words_than_are_kept_are_tokenized_all_the_same(
    processor: SentencePieceProcessor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lethe.classifier.encoders.word_pieces._WORDS_KEPT", 3)
    pieces = WordPieces(processor)
    for text in ("one two three four five", "six one", "seven eight nine one two", "one"):
        np.testing.assert_array_equal(pieces.tokenize(text).ids, processor.encode(text))


def test_nothing_has_no_tokens(pieces: WordPieces) -> None:
    assert len(pieces.tokenize("")) == len(pieces.tokenize(" \n ")) == 0


def _without_spaces(stretch: str) -> str:
    """Without what the tokenizer reads as a space; what stands alone may belong to the next token or to none."""
    return stretch.lstrip(f"{WORD_MARK}{_READ_AS_SPACES}").strip()


def _without_controls(text: str) -> str:
    return "".join(
        character for character in text if unicodedata.category(character) != "Cc" or character == "\n"
    )
