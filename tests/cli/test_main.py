"""The `lethe` command itself, before any verb."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lethe.cli.main import app, main
from tests.server.stack import write_target


def test_it_tells_its_version() -> None:
    told = CliRunner().invoke(app, ["--version"])
    assert (told.exit_code, told.output) == (0, f"lethe {version('lethegate')}\n")


@pytest.mark.parametrize(("verb", "policy"), [("target", "passive"), ("serve", None), ("demo", None)])
def test_threads_of_jobs_leave_the_cores_to_others_and_those_of_engines_stay_as_they_are(
    verb: str, policy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", {name: os.environ[name] for name in ("PATH", "HOME")})
    monkeypatch.setattr(sys, "argv", ["lethe", verb, "--help"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert os.environ.get("OMP_WAIT_POLICY") == policy


def test_what_the_terminal_cannot_show_is_no_failure(tmp_path: Path) -> None:
    write_target(tmp_path, "books", description="Bücher, 本")
    command = [sys.executable, "-m", "lethe", "targets", "list", "--targets", str(tmp_path)]
    ascii_terminal = os.environ | {"PYTHONIOENCODING": "ascii", "COLUMNS": "200"}
    shown = subprocess.run(command, env=ascii_terminal, capture_output=True, text=True, check=True).stdout
    assert r"B\xfccher, \u672c" in shown


def test_who_interrupts_its_loading_sees_no_fault() -> None:
    interrupted = """
import sys

class Interrupting:
    def find_spec(self, name, path, target=None):
        if name == "typer":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupting())
from lethe.__main__ import main
main()
"""
    ended = subprocess.run([sys.executable, "-c", interrupted], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")
