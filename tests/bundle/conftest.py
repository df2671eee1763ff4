"""Bundles on disk."""

import hashlib
import json
from pathlib import Path

import pytest

from lethe.bundle import update_bundle


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small bundle."""
    update_bundle(tmp_path / "books", {"classifier/head.json": b"{}"}, description="about books")
    return tmp_path / "books"


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """A bundle as schema version 1 had it: made for one model, and all of it at the top."""
    folder = tmp_path / "earlier"
    files = {
        "classifier/head.json": b"{}",
        "corruption.safetensors": b"x",
        "adapter/adapter_config.json": b"{}",
        "figures/corruption.png": b"p",
        "figures/roc.png": b"q",
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    manifest = {
        "schema_version": 1,
        "name": "earlier",
        "base_model": {"id": "mine", "hidden_size": 8, "embedding_sha256": "a" * 64},
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        "metrics": {"classifier": {"recall": 1}, "corruption": {"leak": 0.1}},
    }
    (folder / "target.json").write_text(json.dumps(manifest))
    return folder
