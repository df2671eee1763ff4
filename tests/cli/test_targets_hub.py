"""Bundles go into a hub and come out of it as they were, and only those of signers who are believed come in force."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lethe.bundle import load_bundle
from lethe.bundle.signature import make_signing_key, sign_bundle
from tests.bundle.hub import TOKEN, Hub, Repository, running_hub
from tests.lethe_process import everything, start_lethe
from tests.server.stack import write_target

REFERENCE = "hf://team/books"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the target ``books``, signed."""
    folder = tmp_path / "targets"
    folder.mkdir()
    write_target(folder, "books", description="about books")
    make_signing_key(tmp_path / "key")
    sign_bundle(folder / "books", tmp_path / "key")
    return folder


@dataclass(frozen=True)
class Ended:
    """What a command wrote, and how it ended."""

    returncode: int | None
    stdout: str
    stderr: str


def lethe(hub: Hub, home: Path, *arguments: object, token: str = TOKEN) -> Ended:
    """Run `lethe targets` as somebody of the team, who believes the signer."""
    environment = os.environ | {
        "HOME": str(home),
        "HF_HOME": str(home / "hf"),
        "HF_ENDPOINT": hub.address,
        "HF_TOKEN": token,
        "HF_HUB_OFFLINE": "0",
        # The hub that is played knows the protocol for large files that needs no native code.
        "HF_HUB_DISABLE_XET": "1",
        "LETHE_SIGNERS": str(home / "key.pub"),
        "LETHE_TARGETS": str(home / "targets"),
    }
    running = start_lethe("targets", *map(str, arguments), environment=environment)
    running.process.join(120)
    return Ended(running.returncode, everything(running.stdout), everything(running.stderr))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_bundle_comes_out_of_a_hub_as_it_went_in(hub: Hub, folder: Path, tmp_path: Path) -> None:
    pushed = lethe(hub, tmp_path, "push", "books", REFERENCE)
    assert pushed.returncode == 0, pushed.stderr
    repository = hub.repositories["team/books"]
    assert repository.private
    assert hub.large
    assert repository.newest in pushed.stdout
    (tmp_path / "elsewhere").mkdir()
    for reference in (REFERENCE, f"{REFERENCE}@{repository.newest}"):
        pulled = lethe(hub, tmp_path, "pull", reference, "--targets", tmp_path / "elsewhere")
        version = load_bundle(folder / "books").version
        assert pulled.stdout == f"books {version} added\n", pulled.stderr
        assert files(tmp_path / "elsewhere" / "books") == files(folder / "books")
    # A private bundle is not kept in a cache that `lethe target erase` knows nothing of.
    assert not [path for path in (tmp_path / "hf").rglob("*") if "books" in path.name]


def test_what_a_bundle_has_no_more_is_gone_from_the_hub(hub: Hub, folder: Path, tmp_path: Path) -> None:
    hub.repositories["team/books"] = Repository(True, {"1" * 40: {".gitattributes": b"", "old.bin": b"old"}})
    assert lethe(hub, tmp_path, "push", "books", REFERENCE).returncode == 0
    repository = hub.repositories["team/books"]
    assert repository.commits[repository.newest].keys() == {".gitattributes", *files(folder / "books")}


def test_a_public_repository_is_told_nothing(hub: Hub, folder: Path, tmp_path: Path) -> None:
    hub.repositories["team/books"] = Repository(False, {"1" * 40: {}})
    pushed = lethe(hub, tmp_path, "push", "books", REFERENCE)
    assert (pushed.returncode, "make it private first" in pushed.stderr) == (1, True)
    assert list(hub.repositories["team/books"].commits) == ["1" * 40]
    assert not hub.large


@pytest.mark.parametrize("changed", ["target.json", "classifier/head.json"])
def test_what_was_changed_on_the_hub_does_not_come_in_force(
    hub: Hub, folder: Path, tmp_path: Path, changed: str
) -> None:
    assert lethe(hub, tmp_path, "push", "books", REFERENCE).returncode == 0
    there = hub.repositories["team/books"]
    there.commits[there.newest][changed] += b" "
    (tmp_path / "elsewhere").mkdir()
    pulled = lethe(hub, tmp_path, "pull", REFERENCE, "--targets", tmp_path / "elsewhere")
    assert pulled.returncode == 1
    assert not list((tmp_path / "elsewhere").iterdir())


def test_who_is_not_let_in_is_told_in_one_line(hub: Hub, folder: Path, tmp_path: Path) -> None:
    for verb in (("push", "books"), ("pull",)):
        result = lethe(hub, tmp_path, *verb, REFERENCE, token="hf_nobody")
        assert result.returncode == 1
        assert len(result.stderr.splitlines()) == 1, result.stderr
    odd = lethe(hub, tmp_path, "pull", "hf://books")
    assert "name owner and repository" in odd.stderr


@pytest.mark.parametrize("name", ["classifier/head.json", "target.json"])
def test_what_would_fill_the_disk_is_not_fetched(hub: Hub, folder: Path, tmp_path: Path, name: str) -> None:
    lethe(hub, tmp_path, "push", "books", REFERENCE)
    hub.sizes[name] = 1 << 60
    pulled = lethe(hub, tmp_path, "pull", REFERENCE)
    assert pulled.returncode == 1
    assert "more than" in pulled.stderr
