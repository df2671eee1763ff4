"""The embedded engine's log takes what there is room for."""

import logging
from pathlib import Path

import pytest

from lethe.server.engines.log import EngineLog


def test_a_log_keeps_the_newest_lines_in_two_files_of_bounded_size(tmp_path: Path) -> None:
    log = EngineLog(tmp_path / "engine.log", max_bytes=100)
    for number in range(50):
        log.write(b"line %02d\n" % number)
    files = [tmp_path / "engine.log.1", tmp_path / "engine.log"]
    assert sorted(tmp_path.iterdir()) == sorted(files)
    assert all(file.stat().st_size <= 100 for file in files)
    kept = "".join(file.read_text() for file in files).splitlines()
    assert kept == [f"line {number:02}" for number in range(50 - len(kept), 50)]
    assert len(kept) > 100 // len("line 00\n")


def test_a_log_that_is_opened_again_counts_what_stands_there(tmp_path: Path) -> None:
    for _ in range(10):
        log = EngineLog(tmp_path / "engine.log", max_bytes=100)
        log.write(b"x" * 30)
        log.close()
    assert (tmp_path / "engine.log").stat().st_size <= 100


def test_a_log_that_cannot_be_written_is_said_once_and_goes_on_when_it_can(
    tmp_path: Path, logged: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "logs").write_text("in the way")
    path = tmp_path / "logs" / "engine.log"
    log = EngineLog(path)
    log.write(b"lost\n")
    log.write(b"lost too\n")
    (tmp_path / "logs").unlink()
    log.write(b"kept\n")
    log.write(b"kept too\n")
    assert path.read_text() == "kept\nkept too\n"
    assert logged.record_tuples == [
        ("lethe.engines", logging.WARNING, f"engine: its log {path} cannot be written: File exists"),
        ("lethe.engines", logging.INFO, f"engine: its log {path} is written again"),
    ]
