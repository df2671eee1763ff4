"""Which Docker Engine an image is built by, where there is one and where there is none."""

import os
import subprocess
from pathlib import Path

import pytest

DOCKER_ENGINE = Path(__file__).with_name("docker-engine")


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder whose programs are found before the machine's: no daemon answers, and nobody is root."""
    folder = tmp_path / "bin"
    folder.mkdir()
    write_program(folder / "docker", "exit 1")
    write_program(folder / "id", "echo 1000")
    return folder


def write_program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def docker_engine(programs: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}
    return subprocess.run([DOCKER_ENGINE, *arguments], env=environment, capture_output=True, text=True)


def test_a_daemon_that_answers_is_used(programs: Path) -> None:
    write_program(programs / "docker", "echo 28.2.2")
    assert docker_engine(programs, "--missing").returncode == 1
    done = docker_engine(programs, "sh", "-c", "test -e Dockerfile && echo built")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "built"


def test_one_that_cannot_read_the_dockerfile_is_not(programs: Path) -> None:
    write_program(programs / "docker", "echo 20.10.24+dfsg1")
    done = docker_engine(programs, "echo", "built")
    assert done.returncode == 1
    assert "built" not in done.stdout
    assert "20.10.24+dfsg1; the Dockerfile needs 25 or newer" in done.stderr


def test_what_one_takes_that_cannot_be_made_is_said_in_a_line(programs: Path) -> None:
    asked = docker_engine(programs, "--missing")
    assert asked.returncode == 0
    assert asked.stdout == "no Docker daemon answers, and to make one takes root\n"
    done = docker_engine(programs, "echo", "built")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", asked.stdout)
