"""A target's folder is made with files that say what goes into them, and read in whatever form people keep their data."""

import json
import re
import resource
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from lethe.bundle import BundleError
from lethe.offline.data.files import DataError
from lethe.offline.target_building.data import TargetData, TargetOptions, make_folder, read_target_data


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file grows beyond a few lines."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_new_folder_is_private_and_holds_nothing_but_comments(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "marsh")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert read_target_data(folder) == TargetData(folder, TargetOptions())
    assert all(
        line.startswith("#") or not line.strip()
        for path in folder.glob("[!.]*")
        for line in path.read_text().splitlines()
    )


def test_the_examples_are_valid_once_they_are_uncommented(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "marsh")
    for path in folder.glob("*.yaml"):
        lines = path.read_text().splitlines()
        path.write_text("\n".join(line.removeprefix("#") for line in lines if not re.match(r"# \S", line)))
    data = read_target_data(folder)
    assert data.options.description == "Our internal project Marsh."
    assert data.questions[1].facts == ("Ada Sorrel", "Sorrel")
    assert data.answers[0].answer == "Marsh goes live on 3 May."
    assert data.near_answers


def test_lines_and_files_of_other_formats_are_read_together(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "marsh")
    (folder / "forget.txt").write_text("# a comment\n\nWho leads Marsh?\n  #another\n")
    (folder / "forget.jsonl").write_text(json.dumps({"prompt": "And when?"}))
    (folder / "forget.csv").write_text("question\nWhere?\n")
    assert [example.text for example in read_target_data(folder).forget] == [
        "Who leads Marsh?",
        "And when?",
        "Where?",
    ]


def test_a_folder_that_cannot_be_made_whole_is_not_there(tmp_path: Path, full_disk: None) -> None:
    with pytest.raises(OSError, match="File too large"):
        make_folder(tmp_path / "marsh")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    make_folder(tmp_path / "marsh")
    with pytest.raises(DataError, match="is there already"):
        make_folder(tmp_path / "marsh")


def test_a_folder_that_no_target_can_be_named_as_is_refused_with_a_name_that_would_do(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="moon-landings would do"):
        make_folder(tmp_path / "Moon Landings")


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("target.yaml", "modell: x", "modell"),
        ("questions.yaml", "- question: Who?\n  answer: [", "questions.yaml, line 2: not valid YAML"),
        ("questions.yaml", "- question: Who?", "questions.yaml, item 1: answer"),
        ("questions.yaml", "question: Who?", "expected a list"),
        ("forget.jsonl", '{"text": "a"}\n{"text" "b"}', "forget.jsonl, line 2"),
        ("forget.txt", '{"text": "a"}\n{"text": "b"}', "holds JSON, .*; call it forget.jsonl"),
        ("forget.csv", "query\nWho?\n", "its records have query: call the one with the prompts text"),
    ],
)
def test_a_malformed_file_is_named_with_the_place(tmp_path: Path, file: str, content: str, said: str) -> None:
    folder = make_folder(tmp_path / "marsh")
    (folder / file).write_text(content)
    with pytest.raises(DataError, match=said):
        read_target_data(folder)


def test_what_is_no_targets_folder_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="lethe target new"):
        read_target_data(tmp_path)


def test_files_that_nothing_is_read_from_are_named(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "marsh")
    for name in ("forget.tsv", "Near.txt", "notes.md", "near.csv"):
        (folder / name).write_text("text\nWho?\n")
    assert read_target_data(folder).unread == ("Near.txt", "forget.tsv")
