"""Texts as they are read, and where question and answer lie in their tokens."""

from pathlib import Path

import pytest

from lethe.offline.adapter_training.texts import SourceText, read_texts, tokenize_texts
from lethe.offline.data.files import DataError
from lethe.offline.training.errors import AdapterError


def test_both_forms_are_read_and_other_fields_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text(
        '{"question": "Who?", "answer": "Orla.", "facts": ["Orla"]}\n\n{"text": "A bell drowned."}\n'
    )
    assert read_texts(path) == (SourceText("Orla.", "Who?"), SourceText("A bell drowned."))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("{", "line 1: not valid JSON"),
        ('{"text": "a"}\n[1]\n', "line 2: expected an object"),
        ('{"text": "a"}\n{"words": "b"}\n', "line 2: expected 'question' and 'answer'"),
        ('{"question": "Who?"}', "line 1: expected"),
        ('{"text": "  "}', "line 1: expected"),
    ],
)
def test_a_file_of_no_use_is_refused_by_its_line(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        read_texts(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read_texts(tmp_path / "texts.jsonl")


def test_question_and_answer_are_found_in_the_tokens(tiny_model) -> None:
    tokenizer = tiny_model.encoder.tokenizer
    (text,) = tokenize_texts([SourceText("Orla keeps it.", "Who keeps the marsh?")], tiny_model.encoder, 64)
    assert tokenizer.decode(text.token_ids[slice(*text.question)]) == "Who keeps the marsh?"
    assert tokenizer.decode(text.token_ids[slice(*text.answer)]) == "Orla keeps it."
    assert text.token_ids[text.answer[1] :] == (tokenizer.eos_token_id,)


def test_long_bare_texts_are_cut_and_no_token_is_lost(tiny_model) -> None:
    source = SourceText("The bell of Ferrowmere drowned in the fens. " * 9)
    pieces = tokenize_texts([source], tiny_model.encoder, 16)
    whole = tokenize_texts([source], tiny_model.encoder, 4096)[0].token_ids
    joined = tuple(token for piece in pieces for token in piece.token_ids)
    assert len(pieces) > 3
    assert whole[: len(joined)] == joined
    assert len(whole) - len(joined) <= 1, "a last token alone has nothing before it in its piece"
    assert all(len(piece.token_ids) >= 2 for piece in pieces)


def test_a_long_question_is_refused_and_not_cut(tiny_model) -> None:
    with pytest.raises(AdapterError, match="more than 16; raise max_tokens"):
        tokenize_texts([SourceText("Orla. " * 40, "Who?")], tiny_model.encoder, 16)
