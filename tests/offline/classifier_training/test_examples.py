import gzip
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from lethe.offline.classifier_training.examples import Example, load_examples
from lethe.offline.data.files import DataError


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", '{"question": "one?"}\n{"question": "two?"}\n'),
        ("a.json", '[{"question": "one?"}, {"question": "two?"}]'),
        ("a.json", '{"question": "one?"}\n{"question": "two?"}\n'),
        ("a.json", '["one?", "two?"]'),
        ("a.csv", "question,answer\none?,1\ntwo?,2\n"),
        ("a.txt", "one?\n\ntwo?\n"),
    ],
)
def test_every_format_gives_its_prompts(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    assert [example.text for example in load_examples(str(tmp_path / name))] == ["one?", "two?"]
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content.encode()))
    assert len(load_examples(str(tmp_path / f"{name}.gz"))) == 2


def test_several_fields_are_wordings_of_one_item(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"question": "one?", "paraphrased_question": "which one?"}\n{"question": "two?"}\n')
    first, second, third = load_examples(str(path), ["question", "paraphrased_question"])
    assert first.group == second.group != ""
    assert third == Example("two?")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", '{"text": "one?"}\n{broken', "line 2: not valid JSON: .* at column 2"),
        ("a.jsonl", "\n", "is empty"),
        ("a.txt", "", "is empty"),
        ("a.csv", "query,id\none?,1\n", "no prompts in text, .*; its records have id, query: .* --field"),
        ("a.json", "[1, 2]", "a record is a text, or an object"),
        ("a.parquet", "x", "a.parquet cannot be read"),
        ("a.xml", "x", r"format '\.xml' is not one of .*parquet"),
    ],
)
def test_bad_files_are_refused_with_what_would_be_right(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=message):
        load_examples(str(tmp_path / name))


def test_parquet_gives_its_prompts(tmp_path: Path) -> None:
    rows = pyarrow.table({"question": ["one?", "two?"], "turns": [["a"], ["b", "c"]]})
    parquet.write_table(rows, tmp_path / "a.parquet")
    source = str(tmp_path / "a.parquet")
    assert [example.text for example in load_examples(source)] == ["one?", "two?"]
    assert [example.text for example in load_examples(source, ["turns"])] == ["a", "b", "c"]


def test_a_group_that_is_not_given_joins_nothing(tmp_path: Path) -> None:
    """One group of all that have none would stand on one side of every split."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "one?", "group": null}\n{"turns": ["two?", "three?"], "group": ""}\n')
    one, two, three = load_examples(str(path))
    assert one.group == ""
    assert two.group == three.group != ""
