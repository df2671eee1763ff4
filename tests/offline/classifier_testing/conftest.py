"""A bundle with a head made by hand that knows the lighthouse of Alderney, and files to judge."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lethe.bundle import Action, Bundle, update_bundle
from lethe.classifier.head import head_files
from tests.classifier.conftest import MakeHead, encoder, make_head

__all__ = ["encoder", "make_head"]

WriteLines = Callable[..., str]


@pytest.fixture
def bundle(make_head: MakeHead, tmp_path: Path) -> Bundle:
    head = make_head()
    files = {f"classifier/{name}": content for name, content in head_files(head).items()}
    return update_bundle(
        tmp_path / "lighthouse",
        files,
        action=Action.OBSERVE,
        threshold=head.threshold,
        encoder={"id": head.encoder_id, "sha256": head.encoder_sha256},
    )


@pytest.fixture
def write_lines(tmp_path: Path) -> WriteLines:
    """Writes records into a file of JSON lines, and gives its path."""

    def write(*rows: object, name: str = "held-out.jsonl") -> str:
        path = tmp_path / name
        path.write_text("\n".join(json.dumps(row) for row in rows))
        return str(path)

    return write
