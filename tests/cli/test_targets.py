"""`lethe targets` changes what is in force, and says in one line what it cannot do."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lethe.bundle import Action, load_bundle
from lethe.cli.main import app
from lethe.server.targets.targets import load_targets
from tests.server.stack import write_target


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the targets ``books`` and ``films``, in force by the environment."""
    folder = tmp_path / "targets"
    folder.mkdir()
    write_target(folder, "books", description="about books")
    write_target(folder, "films", Action.REFUSE)
    monkeypatch.setenv("LETHE_TARGETS", str(folder))
    monkeypatch.setenv("COLUMNS", "200")
    return folder


def lethe(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["targets", *map(str, arguments)])


def in_force(folder: Path) -> dict[str, tuple[str, float]]:
    return {target.name: (target.action.value, target.percent) for target in load_targets(folder)}


def test_the_list_shows_each_bundle_and_how_it_is_in_force(folder: Path) -> None:
    lethe("disable", "films")
    lethe("enable", "books", "--percent", 25)
    books, films = [line for line in lethe("list").output.splitlines() if "org/model" in line]
    assert load_bundle(folder / "books").version in books
    assert "corrupt" in books
    assert "25" in books
    assert "about books" in books
    assert "disabled" in films


def test_a_target_is_disabled_shadowed_and_enabled_again(folder: Path) -> None:
    version = load_bundle(folder / "books").version
    assert lethe("shadow", "books").output == "books observed\n"
    assert in_force(folder)["books"] == ("observe", 100)
    assert lethe("enable", "books", "--percent", 5).output == "books enabled for 5 % of the keys\n"
    assert in_force(folder)["books"] == ("corrupt", 5)
    assert lethe("disable", "books").output == "books disabled\n"
    assert list(in_force(folder)) == ["films"]
    lethe("enable", "books", "--percent", 100)
    assert in_force(folder) == {"books": ("corrupt", 100), "films": ("refuse", 100)}
    assert load_bundle(folder / "books").version == version


def test_what_becomes_of_answers_is_changed_and_shown(folder: Path) -> None:
    write_target(folder, "books", answers=True)
    assert [line.count("guard") for line in lethe("list").output.splitlines() if "org/model" in line] == [
        1,
        0,
    ]
    assert lethe("answers", "books", "observe").output == "books answers: observe\n"
    assert [target.answers for target in load_targets(folder)] == ["observe", "guard"]
    refused = lethe("answers", "books", "sometimes")
    assert refused.exit_code == 1
    assert "answers: " in refused.output


def test_a_damaged_bundle_is_shown_and_can_be_disabled_or_removed(folder: Path) -> None:
    (folder / "books" / "corruption.safetensors").write_bytes(b"not what the manifest was made for")
    damaged = next(line for line in lethe("list").output.splitlines() if "books" in line)
    assert "damaged" in damaged
    assert "corruption.safetensors" in damaged
    assert lethe("disable", "books").output == "books disabled\n"
    assert list(in_force(folder)) == ["films"]
    assert lethe("remove", "books").output == "books removed\n"
    assert not (folder / "books").exists()


def test_a_bundle_is_added_in_the_place_of_an_older_one_and_removed(folder: Path, tmp_path: Path) -> None:
    newer = tmp_path / "downloaded"
    write_target(tmp_path, "downloaded", name="books", description="newer")
    lethe("shadow", "books")
    added = lethe("add", newer)
    assert added.output == f"books {load_bundle(newer).version} added\n"
    assert load_bundle(folder / "books").manifest.description == "newer"
    assert in_force(folder)["books"] == ("observe", 100)
    assert lethe("remove", "books").output == "books removed\n"
    assert list(in_force(folder)) == ["films"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("disable", "boks"), "no target boks in .*; there are books, films"),
        (("remove", "boks"), "no target boks"),
        (("add", "/nowhere"), "is not a bundle"),
        (("list", "--targets", "/nowhere"), "is not a folder"),
    ],
)
def test_what_cannot_be_done_is_one_line(folder: Path, arguments: tuple, message: str) -> None:
    result = lethe(*arguments)
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert re.search(message, line)
