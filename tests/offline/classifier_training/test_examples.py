import gzip
from pathlib import Path

import pytest

from offline.classifier_training.errors import TrainingError
from offline.classifier_training.examples import Example, load_examples


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


def test_a_relative_path_is_found_in_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("one?")
    monkeypatch.setenv("LETHE_DATA_DIR", str(tmp_path))
    assert load_examples("a.txt") == [Example("one?")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", "{broken", "cannot be read"),
        ("a.jsonl", '{"other": 1}', "needs one of the fields"),
        ("a.parquet", "x", r"format '\.parquet'"),
    ],
)
def test_bad_files_are_refused_with_what_would_be_right(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(TrainingError, match=message):
        load_examples(str(tmp_path / name))


def test_a_source_that_is_nowhere_is_refused() -> None:
    with pytest.raises(TrainingError, match="is not a file here"):
        load_examples("nowhere.jsonl")
