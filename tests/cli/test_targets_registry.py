"""Bundles go into a registry and come out of it as they were, and only those of signers who are believed come in force."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from lethe.bundle import load_bundle
from lethe.bundle.signature import make_signing_key, sign_bundle
from lethe.cli.main import app
from lethe.server.audit.files import read_entries
from tests.bundle.registry import Registry, running_registry
from tests.server.stack import write_target

pytest.importorskip("oras", reason="registries need lethegate[registry]")


@pytest.fixture
def registry() -> Iterator[Registry]:
    with running_registry() as running:
        yield running


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A private key, whose public one is that of the believed signer."""
    make_signing_key(tmp_path / "key")
    return tmp_path / "key"


@pytest.fixture
def folder(tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the target ``books``, signed by the signer who is believed."""
    folder = tmp_path / "targets"
    folder.mkdir()
    write_target(folder, "books", description="about books")
    sign_bundle(folder / "books", key)
    monkeypatch.setenv("LETHE_TARGETS", str(folder))
    monkeypatch.setenv("LETHE_SIGNERS", str(tmp_path / "key.pub"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return folder


def lethe(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["targets", *map(str, arguments), "--plain-http"])


def pushed(registry: Registry) -> str:
    reference = f"{registry.address}/team/books:1"
    result = lethe("push", "books", reference)
    assert result.exit_code == 0, result.output
    return reference


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_bundle_comes_out_of_a_registry_as_it_went_in(
    registry: Registry, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LETHE_AUDIT__FOLDER", str(tmp_path / "audit"))
    reference = pushed(registry)
    (tmp_path / "elsewhere").mkdir()
    result = lethe("pull", reference, "--targets", tmp_path / "elsewhere")
    version = load_bundle(folder / "books").version
    assert result.output == f"books {version} added\n"
    assert files(tmp_path / "elsewhere" / "books") == files(folder / "books")
    entries = list(read_entries(tmp_path / "audit" / "commands"))
    assert [(each["event"], each["version"], each["reference"]) for each in entries] == [
        ("target_pushed", version, reference),
        ("target_added", version, reference),
    ]
    assert entries[0]["digest"] in registry.manifests


def test_what_the_registry_has_is_not_sent_again_and_a_digest_names_it(
    registry: Registry, folder: Path, tmp_path: Path
) -> None:
    reference = pushed(registry)
    before = dict(registry.blobs)
    pushed(registry)
    assert registry.blobs == before
    [digest] = {name for name in registry.manifests if name.startswith("sha256:")}
    by_digest = f"{reference.rpartition(':')[0]}@{digest}"
    (tmp_path / "elsewhere").mkdir()
    assert lethe("pull", by_digest, "--targets", tmp_path / "elsewhere").exit_code == 0


def test_only_who_is_believed_is(
    registry: Registry, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_signing_key(tmp_path / "other")
    reference = pushed(registry)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("LETHE_SIGNERS", str(tmp_path / "other.pub"))
    result = lethe("pull", reference, "--targets", elsewhere)
    assert result.exit_code == 1
    assert "signed by none" in result.stderr
    monkeypatch.delenv("LETHE_SIGNERS")
    result = lethe("pull", reference, "--targets", elsewhere)
    assert result.exit_code == 1
    assert "say --unsigned" in result.stderr
    assert not list(elsewhere.iterdir())
    assert lethe("pull", reference, "--unsigned", "--targets", elsewhere).exit_code == 0


def _changed_file(registry: Registry, manifest: dict[str, Any]) -> None:
    layer = manifest["layers"][-1]
    registry.blobs[layer["digest"]] = registry.blobs[layer["digest"]][:-1] + b"x"


def _longer_file(registry: Registry, manifest: dict[str, Any]) -> None:
    registry.blobs[manifest["layers"][-1]["digest"]] += b"x"


def _another_file(registry: Registry, manifest: dict[str, Any]) -> None:
    content = b"{}"
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    registry.blobs[digest] = content
    manifest["layers"][-1] |= {"digest": digest, "size": len(content)}


def _name_outside(registry: Registry, manifest: dict[str, Any]) -> None:
    manifest["layers"][-1]["annotations"]["org.opencontainers.image.title"] = "../../evil"


def _absolute_name(registry: Registry, manifest: dict[str, Any]) -> None:
    manifest["layers"][-1]["annotations"]["org.opencontainers.image.title"] = "/tmp/evil"


def _name_twice(registry: Registry, manifest: dict[str, Any]) -> None:
    manifest["layers"].append(manifest["layers"][0])


def _image(registry: Registry, manifest: dict[str, Any]) -> None:
    del manifest["artifactType"]


def _endless_file(registry: Registry, manifest: dict[str, Any]) -> None:
    manifest["layers"][-1]["size"] = 1 << 60


def _no_names(registry: Registry, manifest: dict[str, Any]) -> None:
    del manifest["layers"][0]["annotations"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_changed_file, "came otherwise"),
        (_longer_file, "is longer than"),
        (_another_file, "has hash"),
        (_name_outside, "lies outside"),
        (_absolute_name, "lies outside"),
        (_name_twice, "two files of the name"),
        (_endless_file, "more than half of the"),
        (_image, "is no bundle"),
        (_no_names, "does not answer as one does"),
    ],
)
def test_what_a_registry_changed_is_not_taken(
    registry: Registry, folder: Path, tmp_path: Path, change: Any, message: str
) -> None:
    reference = pushed(registry)
    manifest = json.loads(registry.manifests["1"])
    change(registry, manifest)
    registry.manifests["1"] = json.dumps(manifest).encode()
    before = files(tmp_path / "targets")
    result = lethe("pull", reference)
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert message in line
    assert files(tmp_path / "targets") == before


def test_a_manifest_that_is_nested_without_end_is_not_read(registry: Registry, folder: Path) -> None:
    reference = pushed(registry)
    registry.manifests["1"] = b"[" * (1 << 20)
    result = lethe("pull", reference)
    assert (result.exit_code, "nested too deeply" in result.stderr) == (1, True)


def test_a_digest_that_something_else_has_is_not_believed(registry: Registry, folder: Path) -> None:
    reference = pushed(registry)
    asked = "sha256:" + "0" * 64
    registry.manifests[asked] = registry.manifests["1"]
    result = lethe("pull", f"{reference.rpartition(':')[0]}@{asked}")
    assert "answers with something else" in result.stderr


def test_a_registry_lets_in_whom_docker_login_named(registry: Registry, folder: Path, tmp_path: Path) -> None:
    registry.login = ("me", "secret")
    reference = f"{registry.address}/team/books:1"
    refused = lethe("push", "books", reference)
    assert refused.exit_code == 1
    assert "asks for a login: docker login" in refused.stderr
    config = {"auths": {registry.address: {"auth": "bWU6c2VjcmV0"}}}
    for place in ("docker", ".docker"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "config.json").write_text(json.dumps(config))
    pushed(registry)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("books:1", "name the registry too"),
        ("team/books:1", "name the registry too"),
        ("127.0.0.1:1/team/books:1", "cannot be asked"),
    ],
)
def test_where_there_is_no_registry_that_is_told(folder: Path, reference: str, message: str) -> None:
    result = lethe("push", "books", reference)
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert message in line


def test_a_tag_that_there_is_not_is_told(registry: Registry, folder: Path) -> None:
    result = lethe("pull", f"{registry.address}/team/books:2")
    assert result.exit_code == 1
    assert "answers 404" in result.stderr
