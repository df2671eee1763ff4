"""A program that is missing: a test left out, or a failure where none may be."""

from pathlib import Path

import pytest

from tests.programs import program


def test_without_it_the_test_is_skipped_unless_all_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LETHE_REQUIRE_PROGRAMS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-program"):
        program("no-such-program", of="nothing")
    monkeypatch.setenv("LETHE_REQUIRE_PROGRAMS", "1")
    with pytest.raises(pytest.fail.Exception, match="no-such-program"):
        program("no-such-program", of="nothing")


def test_it_is_looked_for_on_its_own_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LETHE_REQUIRE_PROGRAMS", "1")
    (tmp_path / "sh").touch(mode=0o755)
    assert program("sh", of="the test", path=str(tmp_path)) == str(tmp_path / "sh")
    assert program("sh", of="the system") != str(tmp_path / "sh")
