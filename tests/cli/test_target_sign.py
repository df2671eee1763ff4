"""A bundle is signed where that can be written down, or not at all."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lethe.bundle import update_bundle
from lethe.bundle.manifest import SIGNATURE_NAME
from lethe.bundle.signature import make_signing_key
from lethe.cli.main import app
from lethe.server.audit.files import read_entries


@pytest.fixture
def books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle, beside a key; commands are recorded."""
    monkeypatch.setenv("LETHE_AUDIT__FOLDER", str(tmp_path / "audit"))
    make_signing_key(tmp_path / "key")
    return update_bundle(tmp_path / "books", {"classifier/head.json": b"{}"}).folder


def sign(books: Path) -> Result:
    return CliRunner().invoke(app, ["target", "sign", str(books), "--key", str(books.parent / "key")])


def test_who_signed_what_is_written_down(books: Path) -> None:
    result = sign(books)
    assert result.exit_code == 0, result.output
    [entry] = read_entries(books.parent / "audit" / "commands")
    assert (entry["event"], entry["target"]) == ("target_signed", "books")
    assert f"signed by {entry['signer']}" in result.output


def test_nothing_is_signed_that_cannot_be_written_down(books: Path) -> None:
    (books.parent / "audit").write_text("no folder")
    result = sign(books)
    assert result.exit_code == 1
    assert "cannot keep an audit log" in result.stderr
    assert not (books / SIGNATURE_NAME).exists()
