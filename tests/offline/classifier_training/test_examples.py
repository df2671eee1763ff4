import gzip
from pathlib import Path

import huggingface_hub
import pyarrow
import pytest
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError
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


def test_a_relative_path_is_found_in_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("one?")
    monkeypatch.setenv("LETHE_DATA_DIR", str(tmp_path))
    assert load_examples("a.txt") == [Example("one?")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", "{broken", "line 1: not valid JSON"),
        ("a.jsonl", '{"other": 1}', "needs one of the fields"),
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


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for whatever data set is asked of the hub."""

    def listed(repository: str, *, repo_type: str) -> list[str]:
        return [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()]

    def download(repository: str, file: str, *, repo_type: str) -> str:
        if not (tmp_path / file).is_file():
            raise EntryNotFoundError("404")
        return str(tmp_path / file)

    monkeypatch.setattr(huggingface_hub, "list_repo_files", listed)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    (tmp_path / "README.md").write_text("About the lights.")
    return tmp_path


def test_the_only_file_of_a_data_set_needs_no_name(dataset: Path) -> None:
    (dataset / "data").mkdir()
    parquet.write_table(pyarrow.table({"question": ["one?"]}), dataset / "data/train-00000-of-00001.parquet")
    assert load_examples("keepers/lights") == [Example("one?")]


@pytest.mark.parametrize("source", ["keepers/lights", "keepers/lights:three.json"])
def test_where_a_file_must_be_named_those_that_there_are_are_listed(dataset: Path, source: str) -> None:
    for name in ("one.json", "two.json"):
        (dataset / name).write_text('["one?"]')
    with pytest.raises(DataError, match=r"give one of keepers/lights:one\.json, keepers/lights:two\.json$"):
        load_examples(source)


def test_a_data_set_without_a_file_that_can_be_read_is_refused(dataset: Path) -> None:
    with pytest.raises(DataError, match=r"keepers/lights .* none that can be read \(\.jsonl"):
        load_examples("keepers/lights")


def test_a_hub_that_cannot_be_reached_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> str:
        raise LocalEntryNotFoundError("offline")

    monkeypatch.setattr(huggingface_hub, "list_repo_files", unreachable)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", unreachable)
    for source in ("keepers/lights", "keepers/lights:one.json"):
        with pytest.raises(DataError, match=rf"^{source} is not a file here and cannot be had from the hub"):
            load_examples(source)


def test_a_source_that_is_nowhere_is_refused() -> None:
    with pytest.raises(DataError, match="is not a file here"):
        load_examples("nowhere.jsonl")
