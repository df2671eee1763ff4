"""`lethe targets` changes what is in force, and says in one line what it cannot do."""

import os
import re
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lethe.bundle import Action, load_bundle
from lethe.cli.main import app
from lethe.server.audit.files import read_entries
from lethe.server.audit.log import AuditLog
from lethe.server.targets.rollout import read_deployment
from lethe.server.targets.targets import load_targets
from tests.server.stack import corruption_file, write_target


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


@pytest.fixture
def room() -> Iterator[Callable[[int], None]]:
    """Bounds the files that can be written, in bytes, as a disk does that is nearly full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


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


def test_a_description_is_shown_as_it_is_written(folder: Path) -> None:
    write_target(folder, "books", description="about [red]books[/b]")
    assert "about [red]books[/b]" in lethe("list").output


def test_a_target_is_disabled_shadowed_and_enabled_again(folder: Path) -> None:
    version = load_bundle(folder / "books").version
    assert lethe("shadow", "books").output == "books observed\n"
    assert in_force(folder)["books"] == ("observe", 100)
    assert lethe("enable", "books", "--percent", 5).output == "books enabled for 5 % of the keys\n"
    assert in_force(folder)["books"] == ("corrupt", 5)
    assert lethe("refuse", "books").output == "books refused for 5 % of the keys\n"
    assert in_force(folder)["books"] == ("refuse", 5)
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
    assert lethe("answers", "books", "observe").output == "books enabled, answers observe\n"
    assert [target.answers for target in load_targets(folder)] == ["observe", "guard"]
    refused = lethe("answers", "books", "sometimes")
    assert refused.exit_code == 1
    assert "answers: " in refused.output


def test_a_damaged_bundle_is_shown_and_can_be_disabled_or_removed(folder: Path) -> None:
    corruption_file(folder / "books").write_bytes(b"not what the manifest was made for")
    damaged = next(line for line in lethe("list").output.splitlines() if "books" in line)
    assert "damaged" in damaged
    assert "bundle books" in damaged
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


def test_a_bundle_can_be_added_only_to_be_observed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_target(tmp_path, "downloaded", name="songs")
    added = lethe("add", tmp_path / "downloaded", "--shadow")
    assert added.output == f"songs {load_bundle(folder / 'songs').version} added, observed\n"
    assert in_force(folder)["songs"] == ("observe", 100)
    lethe("enable", "songs", "--percent", 5)
    assert in_force(folder)["songs"] == ("corrupt", 5)

    monkeypatch.setenv("LETHE_TARGETS", str(tmp_path / "none-yet"))
    lethe("add", tmp_path / "downloaded", "--shadow")
    assert in_force(tmp_path / "none-yet") == {"songs": ("observe", 100)}


def test_what_cannot_be_added_leaves_nothing_behind(
    folder: Path, tmp_path: Path, room: Callable[[int], None]
) -> None:
    write_target(tmp_path, "downloaded", name="songs")
    room(100)
    refused = lethe("add", tmp_path / "downloaded", "--shadow")
    assert refused.exit_code == 1
    assert refused.output.count("\n") == 1
    assert read_deployment(folder) == {}


def test_an_older_bundle_in_a_folder_of_another_name_gives_way_too(folder: Path, tmp_path: Path) -> None:
    """A second one beside it would leave the older in force, and keep every reload from anything."""
    (folder / "books").rename(folder / "a-shelf")
    write_target(tmp_path, "downloaded", name="books", description="newer")
    assert lethe("add", tmp_path / "downloaded").exit_code == 0
    assert load_bundle(folder / "a-shelf").manifest.description == "newer"
    assert list(in_force(folder)) == ["books", "films"]


def test_an_earlier_version_is_shown_and_put_back(folder: Path, tmp_path: Path) -> None:
    first = load_bundle(folder / "books").version
    write_target(tmp_path, "downloaded", name="books", description="newer")
    lethe("add", tmp_path / "downloaded")
    newer = load_bundle(folder / "books").version
    shown = lethe("versions", "books").output.splitlines()
    assert ["in place" in line for line in shown if newer in line] == [True]
    assert ["in place" in line for line in shown if first in line] == [False]
    assert lethe("rollback", "books", first).output == f"books is version {first} again\n"
    assert load_bundle(folder / "books").version == first
    assert lethe("rollback", "books", newer).exit_code == 0
    assert list(in_force(folder)) == ["books", "films"]


def test_the_versions_that_can_be_put_back_are_shown_where_the_one_in_place_is_damaged(
    folder: Path, tmp_path: Path
) -> None:
    first = load_bundle(folder / "books").version
    write_target(tmp_path, "downloaded", name="books", description="newer")
    lethe("add", tmp_path / "downloaded")
    corruption_file(folder / "books").write_bytes(b"not what the manifest was made for")
    shown = lethe("versions", "books")
    assert shown.exit_code == 0
    assert first in shown.output
    assert "damaged" in shown.output


def test_a_target_that_is_disabled_never_comes_into_force_while_it_is_removed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lethe("disable", "books")
    seen: list[bool] = []
    replace = os.replace

    def watched(source: Path, target: Path) -> None:
        if Path(source).name == "books":
            seen.append("books" in read_deployment(folder))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    assert lethe("remove", "books").exit_code == 0
    assert seen == [True]
    assert list(in_force(folder)) == ["films"]


def test_every_change_is_an_entry_of_the_commands_own_log(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LETHE_AUDIT__FOLDER", str(tmp_path / "audit"))
    first = load_bundle(folder / "books").version
    proxy = AuditLog(tmp_path / "audit", max_bytes=1 << 16, keep=3)
    write_target(tmp_path, "downloaded", name="books", description="newer")
    for arguments in (
        ("shadow", "books"),
        ("add", tmp_path / "downloaded"),
        ("rollback", "books", first),
        ("remove", "books"),
        ("disable", "nobody"),
    ):
        lethe(*arguments)
    proxy.close()
    entries = list(read_entries(tmp_path / "audit" / "commands"))
    assert [(entry["event"], entry["target"]) for entry in entries] == [
        ("target_changed", "books"),
        ("target_added", "books"),
        ("target_rolled_back", "books"),
        ("target_removed", "books"),
    ]
    assert (entries[0]["state"], entries[2]["version"]) == ("observed", first)
    assert all(entry["user"] for entry in entries)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("rollback", "books", "123"), "version 123 of books is not kept; there are none"),
        (("versions", "boks"), "no target boks"),
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
