"""A bundle is replaced as a whole, and by nothing that nobody vouched for."""

import hashlib
import json
import threading
from pathlib import Path

import pytest

from lethe.bundle import (
    Action,
    BaseModel,
    BundleError,
    Made,
    action_given,
    install_bundle,
    load_bundle,
    load_bundles,
    remove_bundle,
    update_bundle,
)

_MINE, _OTHER = BaseModel("org/Mine-7B", 8, "a" * 64, "llama"), BaseModel("other", 16, "b" * 64)
_CORRUPTION = {"corruption.safetensors": b"x"}
_ADAPTER = {"adapter/adapter_config.json": b"{}"}


def test_what_was_made_for_each_model_stands_beside_the_others(folder: Path) -> None:
    update_bundle(folder, {}, Made(_MINE, _CORRUPTION, {"corruption": {"leak": 0.1}}))
    update_bundle(folder, {}, Made(_OTHER, _ADAPTER, {"adapter": {"rank": 8}}))
    bundle = update_bundle(folder, {}, Made(_MINE, _ADAPTER, {"adapter": {"rank": 4}}))
    mine, other = bundle.models
    assert (mine.base_model.id, mine.base_model.family, other.base_model.hidden_size) == (
        "org/Mine-7B",
        "llama",
        16,
    )
    assert mine.corruption == folder / "models" / "mine-7b-aaaaaaaa" / "corruption.safetensors"
    assert mine.adapter == folder / "models" / "mine-7b-aaaaaaaa" / "adapter"
    assert mine.base_model.metrics == {"corruption": {"leak": 0.1}, "adapter": {"rank": 4}}
    assert (other.corruption, other.adapter) == (None, folder / "models" / "other-bbbbbbbb" / "adapter")
    assert bundle.made_for("a" * 64) == mine
    assert bundle.made_for("c" * 64) is None
    assert bundle.manifest.metrics == {}


@pytest.mark.parametrize(
    "name", ["../{}/head.json", "x/../../{}/head.json", "./head.json", "x//head.json", "{}"]
)
def test_a_file_that_is_named_by_a_way_around_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    """Whoever names another bundle's folder so would have it written into when theirs is added."""
    brought, targets = tmp_path / "brought" / "poems", tmp_path / "targets"
    poems = update_bundle(targets / "poems", {"classifier/head.json": b"{}"})
    update_bundle(brought, {"head.json": b"{}", "x/head.json": b"{}"}, name="books")
    manifest = json.loads((brought / "target.json").read_text())
    named = name.format("poems") if "/" in name else str(brought / "head.json")
    manifest["files"][named] = hashlib.sha256(b"{}").hexdigest()
    (brought / "target.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="is no path inside"):
        install_bundle(brought, targets / "books")
    assert not (targets / "poems" / "head.json").exists()
    assert load_bundle(targets / "poems") == poems


def test_two_models_of_one_digest_are_one(folder: Path) -> None:
    update_bundle(folder, {}, Made(_MINE, _CORRUPTION))
    renamed = BaseModel("another/name", 8, _MINE.embedding_sha256)
    [made] = update_bundle(folder, {}, Made(renamed, {"corruption.safetensors": b"y"})).models
    assert made.base_model.id == "another/name"
    assert made.corruption is not None
    assert made.corruption.read_bytes() == b"y"


@pytest.mark.parametrize("name", ["a/b", "/the/model", "..", "Ω", "", "a b:c@d", "x" * 300])
def test_a_model_has_a_folder_whatever_its_name(folder: Path, name: str) -> None:
    if len(name) > 200:
        name = name[:200]
    [made] = update_bundle(folder, {}, Made(BaseModel(name, 8, "a" * 64), _CORRUPTION)).models
    assert made.corruption is not None
    assert made.corruption.resolve().is_relative_to((folder / "models").resolve())
    assert load_bundle(folder).models == (made,)


def test_what_is_written_into_it_makes_it_one_of_this_release(earlier: Path) -> None:
    bundle = update_bundle(earlier, {}, Made(_OTHER, _CORRUPTION), description="now of two")
    mine, other = bundle.models
    assert mine.base_model.folder == "models/mine-aaaaaaaa"
    assert mine.corruption is not None
    assert mine.corruption.read_bytes() == b"x"
    assert mine.adapter == earlier / "models" / "mine-aaaaaaaa" / "adapter"
    assert other.corruption is not None
    written = json.loads((earlier / "target.json").read_text())
    assert written["schema_version"] == 2
    assert "corruption.safetensors" not in written["files"]
    assert {"figures/roc.png", "models/mine-aaaaaaaa/figures/corruption.png"} < written["files"].keys()
    assert mine.base_model.metrics == {"corruption": {"leak": 0.1}}


@pytest.mark.parametrize(
    ("files", "action", "made", "given"),
    [
        ({}, Action.OBSERVE, Action.CORRUPT, Action.CORRUPT),
        ({}, Action.OBSERVE, Action.ADAPTER, Action.ADAPTER),
        ({}, Action.CORRUPT, Action.ADAPTER, Action.ADAPTER),
        ({}, Action.REFUSE, Action.CORRUPT, Action.REFUSE),
        ({}, Action.REFUSE, Action.ADAPTER, Action.REFUSE),
        ({}, Action.ADAPTER_AND_CORRUPT, Action.CORRUPT, Action.ADAPTER_AND_CORRUPT),
        (_CORRUPTION, Action.OBSERVE, Action.CORRUPT, Action.OBSERVE),
        (_CORRUPTION, Action.CORRUPT, Action.ADAPTER, Action.CORRUPT),
        (_ADAPTER, Action.ADAPTER, Action.CORRUPT, Action.ADAPTER),
    ],
)
def test_a_bundle_acts_with_the_first_thing_that_it_is_given(
    tmp_path: Path, files: dict[str, bytes], action: Action, made: Action, given: Action
) -> None:
    assert action_given(tmp_path / "books", made) is made
    update_bundle(tmp_path / "books", {}, Made(_MINE, files) if files else None, action=action)
    assert action_given(tmp_path / "books", made) is given


def test_an_update_keeps_what_it_does_not_name(folder: Path) -> None:
    update_bundle(folder, {}, metrics={"recall": 0.9})
    bundle = update_bundle(folder, {"figures/a.png": b"noise"}, metrics={"leak": 0.1})
    assert bundle.classifier is not None
    assert "figures/a.png" in bundle.manifest.files
    assert bundle.manifest.metrics == {"recall": 0.9, "leak": 0.1}
    assert bundle.manifest.description == "about books"


def test_an_update_can_remove_a_file(folder: Path) -> None:
    assert update_bundle(folder, {"classifier/head.json": None}).classifier is None


def test_a_failed_update_leaves_the_old_bundle_and_nothing_beside_it(folder: Path) -> None:
    before = load_bundle(folder)
    with pytest.raises(BundleError, match="threshold"):
        update_bundle(folder, {"classifier/head.json": b"new"}, threshold=7.0)
    assert load_bundle(folder) == before
    assert list(folder.parent.iterdir()) == [folder]


def test_versions_are_equal_exactly_when_bundles_are(folder: Path) -> None:
    before = load_bundle(folder).version
    assert update_bundle(folder, {}).version == before
    assert update_bundle(folder, {"classifier/head.json": b"[]"}).version != before


def test_a_reader_never_finds_a_bundle_gone_while_it_is_replaced(folder: Path) -> None:
    done = threading.Event()

    def replace() -> None:
        for number in range(60):
            update_bundle(folder, {}, description=str(number))
        done.set()

    writer = threading.Thread(target=replace)
    writer.start()
    while not done.is_set():
        assert [bundle.name for bundle in load_bundles(folder.parent)] == ["books"]
    writer.join()


def test_a_bundle_is_installed_unchanged_and_removed(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    installed = install_bundle(folder, elsewhere / "books")
    assert installed.version == load_bundle(folder).version
    remove_bundle(elsewhere / "books")
    assert load_bundles(elsewhere) == ()
    assert list(elsewhere.iterdir()) == []
    with pytest.raises(BundleError, match="is not a bundle"):
        remove_bundle(elsewhere / "books")


def test_a_damaged_bundle_is_not_installed(folder: Path, tmp_path: Path) -> None:
    (folder / "classifier" / "head.json").write_text("[]")
    with pytest.raises(BundleError, match="has hash"):
        install_bundle(folder, tmp_path / "elsewhere" / "books")
    assert not (tmp_path / "elsewhere").exists()


def test_an_update_does_not_vouch_for_a_file_that_was_changed(folder: Path) -> None:
    """Or what a proxy refuses would pass, and be signed, once the threshold was moved."""
    (folder / "classifier" / "head.json").write_text("[]")
    with pytest.raises(BundleError, match="has hash"):
        update_bundle(folder, {}, threshold=0.7)
    assert list(folder.parent.iterdir()) == [folder]
    made = update_bundle(folder, {"classifier/head.json": b"made again"})
    assert made == load_bundle(folder)


def test_an_update_does_not_vouch_for_a_file_that_nobody_listed(folder: Path) -> None:
    (folder / "notes.txt").write_text("private")
    assert "notes.txt" not in update_bundle(folder, {}, threshold=0.7).manifest.files
    assert (folder / "notes.txt").read_text() == "private"
    (folder / "classifier" / "encoder").mkdir()
    (folder / "classifier" / "encoder" / "config.json").write_text("{}")
    with pytest.raises(BundleError, match="is not in its manifest"):
        update_bundle(folder, {}, threshold=0.6)


@pytest.mark.parametrize("file", ["classifier/head.json", "target.json"])
def test_what_was_changed_since_it_was_verified_is_not_installed(
    folder: Path, tmp_path: Path, file: str
) -> None:
    installed = install_bundle(folder, tmp_path / "elsewhere" / "books")
    verified = update_bundle(folder, {}, description="newer")
    other = update_bundle(tmp_path / "other", {"classifier/head.json": b"[]"}, name="books")
    (folder / file).write_bytes((other.folder / file).read_bytes())
    with pytest.raises(BundleError, match=r"has hash|was changed"):
        install_bundle(verified, installed.folder)
    assert load_bundle(installed.folder) == installed


def test_what_two_jobs_write_into_a_bundle_at_once_is_all_there(folder: Path) -> None:
    """Hours of training would be lost to whichever ends at the same moment."""
    names = [f"figures/{number}.png" for number in range(6)]
    threads = [threading.Thread(target=update_bundle, args=(folder, {name: b"x"})) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert load_bundle(folder).manifest.files.keys() >= set(names)
    assert [each.name for each in folder.parent.iterdir()] == ["books"]
