"""What is no adapter that engines can serve is told, and engines read copies that do not change."""

from pathlib import Path
from typing import Any

import pytest

from lethe.bundle import BundleError, update_bundle
from lethe.server.targets.adapter import AdapterCopies
from lethe.server.targets.targets import load_targets
from tests.server.stack import MODEL, write_adapter


@pytest.fixture
def targets(tmp_path: Path) -> Path:
    """A folder with one target, ``books``, that has an adapter."""
    folder = tmp_path / "targets"
    folder.mkdir()
    write_adapter(folder, "books")
    return folder


FAULTS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no-files": ({"adapter/adapter_model.safetensors": None}, {}, "needs adapter/adapter_model"),
    "no-model": ({}, {"base_model": None}, "needs base_model"),
    "no-json": ({"adapter/adapter_config.json": b"{"}, {}, "not valid JSON"),
    "dora": (
        {"adapter/adapter_config.json": b'{"peft_type":"LORA","r":1,"use_dora":true}'},
        {},
        "plain LoRA",
    ),
    "no-lora": ({"adapter/adapter_config.json": b'{"peft_type":"IA3","r":1}'}, {}, "plain LoRA"),
    "no-rank": ({"adapter/adapter_config.json": b'{"peft_type":"LORA"}'}, {}, "no positive rank"),
    "garbage": ({"adapter/adapter_model.safetensors": b"x"}, {}, "no safetensors file"),
    "width": (
        {},
        {"base_model": {"id": MODEL, "hidden_size": 16, "embedding_sha256": "0" * 64}},
        "takes the 16 values",
    ),
    "composed-of-one": ({}, {"composes": ("books", "books")}, "at least two targets"),
}


@pytest.mark.parametrize(("files", "changes", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_an_adapter_that_cannot_be_served_is_told(
    targets: Path, files: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    update_bundle(targets / "books", files, **changes)
    with pytest.raises(BundleError, match=message):
        load_targets(targets)


def test_a_copy_that_was_changed_is_told(targets: Path, tmp_path: Path) -> None:
    copies = AdapterCopies(tmp_path / "copies", shared=True)
    [adapter] = load_targets(targets).adapters
    path = copies.make(adapter, "a")
    assert copies.make(adapter, "a") == path
    (path / "adapter_config.json").write_text("{}")
    with pytest.raises(BundleError, match="is not what the bundle's manifest says"):
        copies.make(adapter, "a")
