"""Base images are named by what their tags mean when they are pinned, and renewed by pinning them again."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.fixture
def checkout(repository: Path, tmp_path: Path) -> Path:
    """A copy of what names images, beside a docker whose registry knows each image by a digest of its name."""
    for name in ("Dockerfile", "docker-compose.yml"):
        shutil.copy(repository / name, tmp_path / name)
    shutil.copytree(repository / "deploy", tmp_path / "deploy")
    (tmp_path / "bin").mkdir()
    docker = tmp_path / "bin" / "docker"
    docker.write_text(
        '#!/bin/sh\necho "$4" >>"$ASKED"\necho "sha256:$(printf %s "$4$SALT" | sha256sum | cut -c1-64)"\n'
    )
    docker.chmod(0o755)
    return tmp_path


def pinned(checkout: Path, salt: str = "") -> list[str]:
    """Pin, and give what the registry was asked."""
    environment = os.environ | {
        "PATH": f"{checkout / 'bin'}:{os.environ['PATH']}",
        "ASKED": str(checkout / "asked"),
        "SALT": salt,
    }
    (checkout / "asked").write_text("")
    subprocess.run([checkout / "deploy" / "image" / "pin-images"], env=environment, check=True)
    return (checkout / "asked").read_text().splitlines()


def named(checkout: Path) -> list[str]:
    """Every image of others that the files name."""
    files = [
        checkout / "Dockerfile",
        checkout / "docker-compose.yml",
        *(checkout / "deploy" / "compose").glob("*.yml"),
    ]
    pattern = re.compile(r"^(?:ARG [A-Z_]+_IMAGE=|\s*image: )(\S+:\S+)$", re.MULTILINE)
    return [image for file in files for image in pattern.findall(file.read_text())]


def test_every_image_of_others_is_pinned_beside_its_tag(checkout: Path) -> None:
    before = named(checkout)
    asked = pinned(checkout)
    assert len(asked) == len(before) >= 6
    assert not any("$" in image for image in asked)
    after = named(checkout)
    assert [image.partition("@")[0] for image in after] == before
    assert all("@sha256:" in image for image in after)


def test_pinning_again_renews_and_changes_nothing_else(checkout: Path) -> None:
    pinned(checkout)
    first = named(checkout)
    pinned(checkout)
    assert named(checkout) == first
    pinned(checkout, salt="a newer image")
    assert all(new != old and new.count("@") == 1 for new, old in zip(named(checkout), first, strict=True))


def test_what_has_no_digest_is_told_and_nothing_is_written(checkout: Path) -> None:
    (checkout / "bin" / "docker").write_text("#!/bin/sh\necho 'not found' >&2\nexit 1\n")
    before = (checkout / "Dockerfile").read_bytes()
    with pytest.raises(subprocess.CalledProcessError):
        pinned(checkout)
    assert (checkout / "Dockerfile").read_bytes() == before
