"""`lethe audit` checks the log and says what is in it."""

import json
import re
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lethe.cli.main import app
from lethe.server.audit.files import audit_files
from lethe.server.audit.log import AuditLog
from tests.server.stack import write_target


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


def _heed_interrupts() -> None:
    # Whoever runs the tests in the background may have told their processes to ignore interrupts.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_what_a_client_wrote_does_nothing_to_the_terminal(folder: Path) -> None:
    written = "model\x9b2J\x1b[2J\u202e\u2028\U000e0041\x7f é 谁 🧙"
    log = AuditLog(folder, max_bytes=1 << 16, keep=5)
    log.record({"model": written})
    log.close()
    printed = lethe("tail", "-n", 1).output
    assert json.loads(printed)["model"] == written
    assert printed.rstrip("\n").isprintable()
    assert "é 谁 🧙" in printed


def test_entries_that_come_are_printed_until_interrupted(folder: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "lethe",
        "audit",
        "tail",
        "-n",
        "1",
        "--follow",
        "--folder",
        str(folder),
    ]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=_heed_interrupts) as process,
        ExitStack() as stack,
    ):
        stack.callback(process.kill)
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["key"] == "k3"
        for numbers in (range(100), range(100, 200)):
            log = AuditLog(folder, max_bytes=1 << 16, keep=5)
            for number in numbers:
                log.record({"key": f"new{number}", "filling": "x" * 1000})
            log.close()
        assert len(audit_files(folder)) > 1
        keys = [json.loads(process.stdout.readline())["key"] for _ in range(200)]
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert keys == [f"new{number}" for number in range(200)]


def cells(target: str, table: str) -> dict[str, str]:
    """The row of a target, by column."""
    names, _, *rows = (re.split(r"\s{2,}", line.strip()) for line in table.splitlines())
    [row] = [row for row in rows if target in row]
    return dict(zip(names, row, strict=True))


def test_requests_are_counted_by_target_and_action(folder: Path) -> None:
    assert cells("books", lethe("stats").output) == {
        "target": "books",
        "action": "corrupt",
        "requests": "2",
        "keys": "2",
        "statuses": "200:2",
        "median ms": "20.0",
        "99 % ms": "30.0",
    }


def test_by_day_it_is_told_what_a_target_in_shadow_would_have_done(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = tmp_path / "targets"
    targets.mkdir()
    write_target(targets, "books")
    log = AuditLog(folder, max_bytes=1 << 16, keep=5)
    for index in range(4):
        flagged = [{"target": "books", "action": "observe"}] if index == 0 else []
        log.record({"time": 10.0, "key": "k", "action": "pass", "scores": {"books": 0.1}, "flagged": flagged})
    log.close()
    assert cells("books", lethe("days", "--targets", targets).output) == {
        "day": "1970-01-01",
        "target": "books",
        "requests": "4",
        "flagged": "1",
        "share": "25.00 %",
        "would have": "corrupt:1",
        "keys": "1",
    }


def test_a_log_whose_beginning_was_removed_says_where_it_begins(folder: Path) -> None:
    [path] = audit_files(folder)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))
    path.rename(path.with_name("audit-000000000002.jsonl"))
    assert lethe("verify").output.startswith("entries 2 to 4, last seal ")


@pytest.mark.parametrize("verb", ["verify", "tail", "stats", "days"])
def test_a_damaged_log_is_one_line(folder: Path, tmp_path: Path, verb: str) -> None:
    [path] = audit_files(folder)
    path.write_bytes(path.read_bytes() + b"something else\n")
    (tmp_path / "targets").mkdir()
    result = lethe(verb, *(("--targets", tmp_path / "targets") if verb == "days" else ()))
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert "not an entry of an audit log" in line


@pytest.mark.parametrize("verb", ["verify", "tail", "stats", "days"])
def test_a_missing_log_is_one_line(folder: Path, verb: str) -> None:
    result = lethe(verb, "--folder", "/nowhere")
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert "is not a folder" in line
