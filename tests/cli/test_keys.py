"""`lethe keys` makes, shows and revokes keys."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lethe.cli.main import app
from lethe.server.access.key_file import read_keys
from lethe.server.access.keys import KeyRing


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LETHE_KEYS", str(tmp_path / "keys.yaml"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "keys.yaml"


def lethe(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["keys", *map(str, arguments)])


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("revoke", "nokey"), "no key nokey"),
        (("create", "--scope", "root"), "scopes"),
        (("create", "--concurrency", 0), "concurrency"),
        (("list", "--keys", "/nowhere/keys.yaml"), "no file of keys"),
    ],
)
def test_what_cannot_be_done_is_one_line(file: Path, arguments: tuple, message: str) -> None:
    lethe("create")
    result = lethe(*arguments)
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert message in line
