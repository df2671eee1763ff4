"""What is no adapter that engines can serve is told, and engines read copies that do not change."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from lethe.bundle import BaseModel, BundleError, Made, update_bundle
from lethe.server.targets.adapter import Adapter, AdapterCopies, read_adapter
from lethe.server.targets.targets import load_targets
from tests.server.stack import BASE, write_adapter


@pytest.fixture
def targets(tmp_path: Path) -> Path:
    """A folder with one target, ``books``, that has an adapter."""
    folder = tmp_path / "targets"
    folder.mkdir()
    write_adapter(folder, "books")
    return folder


FAULTS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no-weights": (
        {"adapter_model.safetensors": None},
        {},
        "needs models/model-00000000/adapter/adapter_model",
    ),
    "no-files": (
        {"adapter_model.safetensors": None, "adapter_config.json": None},
        {},
        "needs an adapter for some base model",
    ),
    "no-json": ({"adapter_config.json": b"{"}, {}, "not valid JSON"),
    "dora": (
        {"adapter_config.json": b'{"peft_type":"LORA","r":1,"use_dora":true}'},
        {},
        "plain LoRA",
    ),
    "no-lora": ({"adapter_config.json": b'{"peft_type":"IA3","r":1}'}, {}, "plain LoRA"),
    "no-rank": ({"adapter_config.json": b'{"peft_type":"LORA"}'}, {}, "no positive rank"),
    "garbage": ({"adapter_model.safetensors": b"x"}, {}, "no safetensors file"),
    "no-header": ({"adapter_model.safetensors": b"x" * 100}, {}, "no safetensors file"),
    "composed-of-one": ({}, {"composes": ("books", "books")}, "at least two targets"),
}


@pytest.mark.parametrize(("files", "changes", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_an_adapter_that_cannot_be_served_is_told(
    targets: Path, files: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    give(targets / "books", files, **changes)
    with pytest.raises(BundleError, match=message):
        load_targets(targets)


def give(bundle: Path, files: dict[str, Any], hidden_size: int = 8, **changes: Any) -> None:
    """Change an adapter's files, or remove them."""
    made = Made(
        BaseModel(**{**BASE, "hidden_size": hidden_size}), {f"adapter/{n}": c for n, c in files.items()}
    )
    update_bundle(bundle, {}, made, **changes)


def test_an_adapter_of_another_width_is_told(targets: Path) -> None:
    give(targets / "books", {}, hidden_size=16)
    with pytest.raises(BundleError, match="takes the 16 values"):
        load_targets(targets)


def test_a_copy_that_was_changed_is_told(targets: Path, tmp_path: Path) -> None:
    copies = AdapterCopies(tmp_path / "copies", shared=True)
    [adapter] = load_targets(targets).adapters
    path = copies.make(adapter, "a")
    assert copies.make(adapter, "a") == path
    (path / "adapter_config.json").write_text("{}")
    with pytest.raises(BundleError, match="is not what the bundle's manifest says"):
        copies.make(adapter, "a")


def test_an_adapter_is_known_by_its_greatest_rank_and_the_hashes_of_its_files(targets: Path) -> None:
    config = {"peft_type": "LORA", "r": 2, "rank_pattern": {"q_proj": 5}}
    give(targets / "books", {"adapter_config.json": json.dumps(config).encode()})
    [target] = load_targets(targets)
    [made] = target.bundle.models
    adapter = read_adapter(made)
    assert (adapter.target, adapter.version, adapter.rank) == ("books", target.version, 5)
    assert [name for name, _ in adapter.hashes] == ["adapter_config.json", "adapter_model.safetensors"]
    for name, digest in adapter.hashes:
        assert hashlib.sha256((adapter.folder / name).read_bytes()).hexdigest() == digest


class TestCopies:
    """What engines read in place of the bundle."""

    @pytest.fixture
    def adapter(self, targets: Path) -> Adapter:
        [adapter] = load_targets(targets).adapters
        return adapter

    def test_a_copy_holds_what_engines_read_and_others_may_read_it(
        self, adapter: Adapter, tmp_path: Path
    ) -> None:
        path = AdapterCopies(tmp_path / "copies", shared=False).make(adapter, "a")
        assert path == tmp_path / "copies" / "a"
        assert {file.name for file in path.iterdir()} == {name for name, _ in adapter.hashes}
        assert path.stat().st_mode & 0o777 == 0o755
        assert [each.name for each in (tmp_path / "copies").iterdir()] == ["a"]

    def test_engines_are_told_of_the_folder_as_they_see_it(self, adapter: Adapter, tmp_path: Path) -> None:
        copies = AdapterCopies(tmp_path / "copies", Path("/mnt/copies"), shared=True)
        assert copies.make(adapter, "a") == Path("/mnt/copies/a")
        assert (tmp_path / "copies" / "a").is_dir()

    @pytest.mark.parametrize("shared", [False, True])
    def test_what_other_proxies_may_use_is_left_where_it_is(
        self, adapter: Adapter, tmp_path: Path, shared: bool
    ) -> None:
        copies = AdapterCopies(tmp_path / "copies", shared=shared)
        first, second = copies.make(adapter, "a"), copies.make(adapter, "b")
        copies.drop("a")
        assert (first.exists(), second.exists()) == (shared, True)
        copies.clear()
        assert second.exists() is shared

    def test_a_bundle_that_changed_since_it_was_read_is_not_copied_for_engines(
        self, adapter: Adapter, tmp_path: Path
    ) -> None:
        (adapter.folder / "adapter_config.json").write_text("{}")
        with pytest.raises(BundleError, match="is not what the bundle's manifest says"):
            AdapterCopies(tmp_path / "copies", shared=False).make(adapter, "a")

    def test_what_cannot_be_copied_is_told_and_leaves_nothing(self, adapter: Adapter, tmp_path: Path) -> None:
        (adapter.folder / "adapter_model.safetensors").unlink()
        with pytest.raises(BundleError, match="cannot copy the adapter of bundle books"):
            AdapterCopies(tmp_path / "copies", shared=False).make(adapter, "a")
        assert list((tmp_path / "copies").iterdir()) == []

    def test_a_folder_that_cannot_be_made_is_told(self, adapter: Adapter, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(BundleError, match="cannot copy the adapter of bundle books"):
            AdapterCopies(tmp_path / "file" / "copies", shared=False).make(adapter, "a")
