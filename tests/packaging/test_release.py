"""What a release says of its requirements: each lock that an image installs is listed and audited."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements"
RELEASE = ROOT / ".venv-release"


def would_run(*words: str) -> str:
    """The commands of the Makefile's words, as if nothing had been made before."""
    command = ["make", "--dry-run", "--always-make", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def locks_named(commands: str) -> set[str]:
    return set(re.findall(r"requirements/(\w+)\.txt", commands)) - {"release"}


def locked(name: str) -> Iterator[tuple[str, str]]:
    """Names and versions in a lock and in those that it includes."""
    for line in (REQUIREMENTS / f"{name}.txt").read_text().splitlines():
        if line.startswith("-r "):
            yield from locked(Path(line.removeprefix("-r ")).stem)
        elif line and not line.startswith("#"):
            requirement = Requirement(line)
            yield requirement.name, str(requirement.specifier).removeprefix("==")


@pytest.fixture(scope="module")
def installed_by_images(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    words = re.findall(
        r"\bmake ((?:install|requirements)\S*(?: [A-Z]+=\S*)*)", (ROOT / "Dockerfile").read_text()
    )
    # What a build may ask for is asked for.
    chosen = {"VENV": f"VENV={tmp_path_factory.mktemp('images') / 'venv'}", "MEDIA": "MEDIA=yes"}
    return {
        lock
        for word in words
        for lock in locks_named(
            would_run(*(chosen.get(part.partition("=")[0], part) for part in word.split()))
        )
    }


@pytest.mark.parametrize("word", ["sbom", "audit"])
def test_it_covers_every_lock_that_an_image_installs(word: str, installed_by_images: set[str]) -> None:
    assert "proxy" in installed_by_images
    assert locks_named(would_run(word)) == installed_by_images


def test_the_audit_asks_of_public_versions() -> None:
    """No database knows `torch 2.13.0+cpu`; a strict audit would fail for it."""
    sed = re.search(r"^sed .* requirements/cpu\.txt", would_run("audit"), flags=re.MULTILINE)
    assert sed is not None
    asked = subprocess.run(sed[0], shell=True, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "+" in (REQUIREMENTS / "cpu.txt").read_text()
    assert {Requirement(line).name for line in asked.splitlines()} == {name for name, _ in locked("cpu")}
    assert "+" not in asked


def test_the_components_are_what_is_locked(tmp_path: Path, installed_by_images: set[str]) -> None:
    if not (RELEASE / "installed").exists():
        pytest.skip("the release's tools are not installed; `make sbom` installs them")
    subprocess.run(
        ["make", "sbom", f"DIST={tmp_path}", f"RELEASE={RELEASE}", f"--assume-old={RELEASE}/installed"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    assert installed_by_images
    for name in installed_by_images:
        components = json.loads((tmp_path / f"lethe-{name}.cdx.json").read_text())["components"]
        listed = {(component["name"], component["version"]) for component in components}
        assert listed == set(locked(name))
