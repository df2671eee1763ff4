"""`make install` shows that it lives: each package as it is fetched, counted; and fails as pip does."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Install = Callable[[int], subprocess.CompletedProcess[str]]
ROOT = Path(__file__).resolve().parents[2]
_PYTHON = """#!/bin/sh
case "$*" in
*pip*install*)
  echo "Looking in links: nowhere"
  for each in "$@"; do
    case "$each" in
    *==*)
      echo "Collecting $each"
      echo "  Downloading ${{each%==*}}.whl (1.7 MB)" ;;
    esac
  done
  echo "Installing collected packages: one, two"
  exit {status} ;;
esac
"""


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Runs the first step of an installation with a Python that stands for one, whose pip ends with a status."""

    def run(status: int) -> subprocess.CompletedProcess[str]:
        python = tmp_path / "venv" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(_PYTHON.format(status=status))
        python.chmod(0o755)
        command = ["make", "requirements-proxy", f"VENV={tmp_path / 'venv'}"]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    return run


def test_each_package_is_counted_as_it_is_fetched(install: Install) -> None:
    done = install(0)
    assert done.returncode == 0, done.stderr
    files = [ROOT / "requirements" / f"{name}.txt" for name in ("proxy", "encoder")]
    locked = [line for file in files for line in file.read_text().splitlines() if line[:1].isalnum()]
    counted = re.findall(r"^  (\d+) of (\d+): (\S+)$", done.stdout, re.MULTILINE)
    assert [(int(number), int(of)) for number, of, _ in counted] == [
        (number, len(locked)) for number in range(1, len(locked) + 1)
    ]
    assert sorted(package for *_, package in counted) == sorted(locked)
    assert "  putting 2 in place\n" in done.stdout
    assert "Downloading" not in done.stdout


def test_what_pip_cannot_install_fails_the_installation(install: Install, tmp_path: Path) -> None:
    done = install(1)
    assert done.returncode != 0
    assert not (tmp_path / "venv" / "requirements-proxy").exists()
