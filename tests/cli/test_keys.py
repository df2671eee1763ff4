"""`lethe keys` makes, shows, changes and revokes keys, and `lethe teams` what they are held to together."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lethe.cli.main import app
from lethe.server.access.key_file import read_keys
from lethe.server.access.keys import KeyRing
from lethe.server.audit.files import read_entries
from tests.server.stack import write_target


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LETHE_KEYS", str(tmp_path / "keys.yaml"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "keys.yaml"


def lethe(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["keys", *map(str, arguments)])


def lethe_teams(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["teams", *map(str, arguments)])


def test_a_key_is_made_shown_once_and_revoked(file: Path) -> None:
    made = lethe(
        "create", "--name", "ci", "--scope", "use", "--scope", "observe", "--exempt", "books", "--days", 1
    )
    secret = made.stdout.strip()
    key = KeyRing(read_keys(file)).find(secret)
    assert key is not None
    assert (key.name, sorted(key.scopes), key.exempt) == ("ci", ["observe", "use"], {"books"})
    shown = lethe("list").output
    assert key.id in shown
    assert "until" in shown
    assert secret not in shown
    assert lethe("revoke", key.id).output == f"{key.id} revoked\n"
    assert "revoked" in lethe("list").output
    assert KeyRing(read_keys(file)).find(secret) is None


def test_a_target_that_there_is_not_is_told_of(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "targets").mkdir()
    write_target(tmp_path / "targets", "books")
    monkeypatch.setenv("LETHE_TARGETS", str(tmp_path / "targets"))
    for result in (
        lethe("create", "--refuse", "boooks", "--exempt", "books"),
        lethe_teams("set", "research", "--threshold", "boooks=0.9"),
    ):
        assert result.exit_code == 0
        assert "there is no target boooks in" in result.stderr
    [key] = read_keys(file)
    assert "there is no target" not in lethe("set", key.id, "--refuse", "books").stderr
    monkeypatch.setenv("LETHE_TARGETS", str(tmp_path / "nowhere"))
    assert lethe("set", key.id, "--refuse", "books").exit_code == 0


def test_a_name_hides_no_key_from_who_would_revoke_it(file: Path) -> None:
    lethe("create", "--name", "ci [/x]")
    [key] = read_keys(file)
    [line] = [line for line in lethe("list").output.splitlines() if key.id in line]
    assert "ci [/x]" in line


def test_the_id_that_revokes_a_key_is_whole_in_a_narrow_terminal(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lethe("create", "--name", "a name that takes room", "--scope", "use", "--scope", "admin")
    [key] = read_keys(file)
    assert key.id in lethe("list").output


def test_a_key_is_held_to_its_team_and_to_what_is_given_last(file: Path) -> None:
    assert lethe_teams(
        "set", "research", "--act", "books", "--threshold", "films=0.9", "--model", "small"
    ).output
    assert lethe("create", "--team", "research", "--exempt", "maps").exit_code == 0
    [key] = read_keys(file)
    assert key.team is not None
    assert (key.how("books").action, key.thresholds, key.may_ask({"large"})) == ("act", {"films": 0.9}, False)
    assert key.is_exempt("maps")
    shown = lethe_teams("list").output
    assert "books act, films from 0.9" in shown
    assert key.id in shown
    assert "maps exempt" in lethe("list").output
    lethe("set", key.id, "--refuse", "books")
    [changed] = read_keys(file)
    assert (changed.team, changed.exempt, changed.how("books").action) == (None, frozenset(), "refuse")
    assert (changed.sha256, changed.scopes) == (key.sha256, key.scopes)
    assert lethe_teams("remove", "research").output == "team research removed\n"


def test_changes_of_keys_and_teams_are_written_down_without_secrets(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LETHE_AUDIT__FOLDER", str(tmp_path / "audit"))
    lethe_teams("set", "research", "--refuse", "books")
    secret = lethe("create", "--team", "research").stdout.strip()
    [key] = read_keys(file)
    lethe("set", key.id, "--concurrency", 2)
    lethe("revoke", key.id)
    lethe_teams("remove", "research")
    lethe("revoke", "nokey")
    entries = list(read_entries(tmp_path / "audit" / "commands"))
    assert [(each["event"], each.get("changed") or each["team"]) for each in entries] == [
        ("team_changed", "research"),
        ("key_created", key.id),
        ("key_changed", key.id),
        ("key_revoked", key.id),
        ("team_removed", "research"),
    ]
    assert entries[0]["policy"] == {"refuse": ["books"]}
    assert entries[1]["policy"] == {"team": "research"}
    assert secret not in str(entries)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("set", "nokey"), "no key nokey"),
        (("create", "--team", "none"), "no team none"),
        (("create", "--act", "books", "--refuse", "books"), "only one of"),
        (("create", "--threshold", "books"), "as in books=0.9"),
        (("create", "--threshold", "books=2"), "threshold"),
        (("create", "--observe", "My books"), "--observe"),
        (("revoke", "nokey"), "no key nokey"),
        (("create", "--scope", "root"), "scopes"),
        (("create", "--concurrency", 0), "concurrency"),
        (("create", "--days", 10**9), "cannot be valid for 1e+09 days"),
        (("list", "--keys", "/nowhere/keys.yaml"), "no file of keys"),
    ],
)
def test_what_cannot_be_done_is_one_line(file: Path, arguments: tuple, message: str) -> None:
    lethe("create")
    result = lethe(*arguments)
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert message in line
