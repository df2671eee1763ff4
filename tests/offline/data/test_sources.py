from pathlib import Path

import huggingface_hub
import pyarrow
import pytest
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError
from pyarrow import parquet

from lethe.offline.data.files import DataError
from lethe.offline.data.sources import find_source, read_records


def read_values(source: str) -> list[object]:
    return [record.value for record in read_records(find_source(source))]


@pytest.mark.parametrize(
    ("name", "content", "where"),
    [
        ("a.jsonl", '"one?"\n\n"two?"\n', "line 3"),
        ("a.txt", "one?\n\ntwo?\n", "line 3"),
        ("a.json", '["one?", "two?"]', "record 2"),
    ],
)
def test_a_record_knows_where_it_stands(tmp_path: Path, name: str, content: str, where: str) -> None:
    (tmp_path / name).write_text(content)
    *_, last = read_records(tmp_path / name)
    assert (last.where, last.value) == (f"{tmp_path / name}, {where}", "two?")


def test_a_relative_path_is_found_in_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("one?")
    monkeypatch.setenv("LETHE_DATA_DIR", str(tmp_path))
    assert read_values("a.txt") == ["one?"]


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
    assert read_values("keepers/lights") == [{"question": "one?"}]


@pytest.mark.parametrize("source", ["keepers/lights", "keepers/lights:three.json"])
def test_where_a_file_must_be_named_those_that_there_are_are_listed(dataset: Path, source: str) -> None:
    for name in ("one.json", "two.json"):
        (dataset / name).write_text('["one?"]')
    with pytest.raises(DataError, match=r"give one of keepers/lights:one\.json, keepers/lights:two\.json$"):
        find_source(source)


def test_a_data_set_without_a_file_that_can_be_read_is_refused(dataset: Path) -> None:
    with pytest.raises(DataError, match=r"keepers/lights .* none that can be read \(\.jsonl"):
        find_source("keepers/lights")


def test_a_hub_that_cannot_be_reached_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> str:
        raise LocalEntryNotFoundError("offline")

    monkeypatch.setattr(huggingface_hub, "list_repo_files", unreachable)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", unreachable)
    for source in ("keepers/lights", "keepers/lights:one.json"):
        with pytest.raises(DataError, match=rf"^{source} is not a file here and cannot be had from the hub"):
            find_source(source)


def test_a_source_that_is_nowhere_is_refused() -> None:
    with pytest.raises(DataError, match="is not a file here"):
        find_source("nowhere.jsonl")
