from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from lethe.offline.classifier_testing.settings import ClassifierTestSettings
from lethe.offline.classifier_testing.texts import HeldOutText, load_held_out_texts
from lethe.offline.data.files import DataError
from tests.offline.classifier_testing.conftest import WriteLines


def load(*sources: str, **settings: object) -> list[HeldOutText]:
    texts, _ = load_held_out_texts(sources, ClassifierTestSettings.model_validate(settings))
    return texts


def words(text: HeldOutText) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in text.conversation.messages]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", '{"text": "one?"}\n{"text": "two?"}\n'),
        ("a.json", '[{"text": "one?"}, {"text": "two?"}]'),
        ("a.csv", "text,group\none?,\ntwo?,\n"),
        ("a.txt", "one?\n\ntwo?\n"),
    ],
)
def test_every_format_gives_its_prompts_under_the_name_of_the_file(
    tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content)
    texts = load(str(tmp_path / name))
    assert [words(text) for text in texts] == [[("user", "one?")], [("user", "two?")]]
    assert {(text.group, text.flag) for text in texts} == {("a", None)}


def test_parquet_gives_conversations_and_labels(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "one?"}, {"role": "assistant", "content": "Two."}]
    table = pyarrow.table({"messages": [turns, turns], "flag": [True, None]})
    parquet.write_table(table, tmp_path / "a.parquet")
    first, second = load(str(tmp_path / "a.parquet"))
    assert words(first) == [("user", "one?"), ("assistant", "Two.")]
    assert (first.flag, second.flag) == (True, None)


def test_a_conversation_is_read_with_its_tools_and_what_is_no_text(write_lines: WriteLines) -> None:
    picture = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}
    path = write_lines({"messages": [picture], "tools": [{"type": "function", "function": {"name": "lamp"}}]})
    [text] = load(path)
    assert [message.role for message in text.conversation.messages] == ["user", "beside"]
    assert len(text.conversation.unreadable) == 1


def test_a_record_names_its_group_and_its_label_before_the_file_does(write_lines: WriteLines) -> None:
    path = write_lines(
        {"text": "one?", "group": "named", "flag": False},
        {"text": "two?", "flag": None},
        {"text": "three?", "group": 3},
    )
    assert [(text.group, text.flag) for text in load(path, expect="flagged")] == [
        ("named", False),
        ("held-out", True),
        ("3", True),
    ]
    assert [text.flag for text in load(path, expect="passed")] == [False, False, False]


@pytest.mark.parametrize(("word", "flag"), [("true", True), ("False", False), ("0", False), ("", None)])
def test_a_table_says_what_is_right_in_words(tmp_path: Path, word: str, flag: bool | None) -> None:
    (tmp_path / "a.csv").write_text(f"text,flag\none?,{word}\n")
    assert [text.flag for text in load(str(tmp_path / "a.csv"))] == [flag]


def test_chosen_fields_are_texts_of_their_own(write_lines: WriteLines) -> None:
    path = write_lines({"ask": "one?", "again": ["two?", "three?"], "text": "four?"})
    texts = load(path, fields=("ask", "again"))
    assert [text.content["text"] for text in texts] == ["one?", "two?", "three?"]


def test_a_whole_file_is_one_text_under_the_name_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "papers").mkdir()
    for name in ("a.txt", "b.md"):
        (tmp_path / "papers" / name).write_text("A page.\n\nAnother.\n")
    texts = load(*(str(tmp_path / "papers" / name) for name in ("a.txt", "b.md")), whole_files=True)
    assert [(text.group, text.content["text"]) for text in texts] == [("papers", "A page.\n\nAnother.\n")] * 2


def test_texts_without_words_are_counted_and_left_out(write_lines: WriteLines) -> None:
    path = write_lines({"text": "one?"}, {"text": " "}, {"text": None}, {"messages": []})
    texts, blank = load_held_out_texts([path], ClassifierTestSettings())
    assert ([text.where.rpartition(", ")[2] for text in texts], blank) == (["line 1"], 3)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"query": "one?", "id": 1},
            r"line 2: a record needs one of the fields messages, text, .*; there are query, id, of",
        ),
        ({"text": "one?", "flag": "maybe"}, r"line 2: flag is true or false, not 'maybe'"),
        ({"text": 5}, "line 2: text holds neither text, nor a list of texts, nor a list of messages"),
        ({"messages": [{"from": "human", "value": "one?"}]}, "line 2: messages holds neither"),
        (5, "line 2: a record is a text or an object with one, not int"),
    ],
)
def test_a_record_that_cannot_be_is_named_with_what_would_be_right(
    write_lines: WriteLines, row: object, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        load(write_lines({"text": "one?"}, row))


def test_a_field_that_no_record_has_is_named(write_lines: WriteLines) -> None:
    with pytest.raises(DataError, match="line 1: a record needs the field query; there are text, of which"):
        load(write_lines({"text": "one?"}), fields=("query",))


def test_a_file_without_words_is_refused(write_lines: WriteLines) -> None:
    with pytest.raises(DataError, match="holds no text with words in it"):
        load(write_lines({"text": ""}))
