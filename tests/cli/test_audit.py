"""`lethe audit` checks the log and says what is in it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from server.audit import AuditLog
from server.audit_files import audit_files


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log of four requests, two of which asked for books."""
    monkeypatch.setenv("LETHE_AUDIT__FOLDER", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    log = AuditLog(tmp_path, max_bytes=1 << 16, keep=5)
    for index in range(4):
        flagged = [{"target": "books", "action": "corrupt"}] if index % 2 else []
        log.record(
            {
                "key": f"k{index}",
                "action": "pass",
                "status": 200,
                "flagged": flagged,
                "total_ms": 10.0 * index,
            }
        )
    log.close()
    return tmp_path


def lethe(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["audit", *map(str, arguments)])


def test_an_intact_log_is_said_so_with_its_last_seal(folder: Path) -> None:
    last = json.loads(lethe("tail", "-n", 1).output)
    assert lethe("verify").output == f"4 entries, last seal {last['seal']}\n"


def test_a_changed_log_is_one_line(folder: Path) -> None:
    [path] = audit_files(folder)
    path.write_bytes(path.read_bytes().replace(b"k2", b"k9"))
    result = lethe("verify")
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert "entry 3" in line


def test_the_last_entries_are_printed_as_json(folder: Path) -> None:
    entries = [json.loads(line) for line in lethe("tail", "-n", 2).output.splitlines()]
    assert [entry["key"] for entry in entries] == ["k2", "k3"]


def test_requests_are_counted_by_target_and_action(folder: Path) -> None:
    lines = lethe("stats").output.splitlines()
    [books] = [line for line in lines if "books" in line]
    assert [cell.strip() for cell in books.strip("│ ").split("│")] == [
        "books",
        "corrupt",
        "2",
        "2",
        "200:2",
        "20.0",
        "30.0",
    ]


@pytest.mark.parametrize("verb", ["verify", "tail", "stats"])
def test_a_missing_log_is_one_line(folder: Path, verb: str) -> None:
    result = lethe(verb, "--folder", "/nowhere")
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert "is not a folder" in line
