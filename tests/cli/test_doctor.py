"""`lethe doctor` says one line of each thing, and its status whether there is a fault."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lethe.cli.main import app
from tests.server.stack import write_target


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "targets").mkdir()
    write_target(tmp_path / "targets", "books")
    monkeypatch.setenv("LETHE_TARGETS", "targets")
    monkeypatch.setenv("LETHE_CACHE_DIR", "cache")
    return tmp_path


def lethe(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_an_installation_that_works_is_well_line_by_line(desk: Path) -> None:
    result = lethe("doctor")
    assert result.exit_code == 0, result.output
    assert [line.split(":")[0].split(maxsplit=1)[1] for line in result.output.splitlines()] == [
        "settings",
        "bundles",
        "encoder",
        "keys",
        "audit",
        "disk for the cache",
        "engine",
        "tokenizer",
    ]


def test_a_fault_is_told_by_the_status(desk: Path) -> None:
    (desk / "targets" / "books" / "classifier" / "head.json").unlink()
    result = lethe("doctor")
    assert result.exit_code == 1
    assert "fault bundles: bundle books" in result.output


def test_settings_that_cannot_be_read_end_it_at_once(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LETHE_PORT", "many")
    result = lethe("doctor")
    assert result.exit_code == 1
    assert result.output.startswith("fault settings: bad settings: port")
    assert lethe("support-bundle").exit_code == 0


def test_a_variable_that_no_setting_has_is_named(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LETHE_POLCY__ON_ERROR", "pass")
    assert "look  settings: no setting is called LETHE_POLCY__ON_ERROR" in lethe("doctor").output


def test_a_support_bundle_says_which_number_is_which_target(desk: Path) -> None:
    result = lethe("support-bundle", "help.tar.gz")
    assert result.exit_code == 0, result.output
    assert (desk / "help.tar.gz").is_file()
    assert "target-1 books" in result.output
