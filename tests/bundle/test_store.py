"""A bundle loads only when it is whole, and is replaced as a whole."""

import json
import threading
from dataclasses import asdict
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

from lethe.bundle import (
    Action,
    BaseModel,
    Bundle,
    BundleError,
    DamagedBundle,
    Manifest,
    action_given,
    check_target_name,
    install_bundle,
    load_bundle,
    load_bundles,
    refuse_other_base_model,
    remove_bundle,
    survey_bundles,
    update_bundle,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    update_bundle(tmp_path / "books", {"classifier/head.json": b"{}"}, description="about books")
    return tmp_path / "books"


def test_what_was_written_is_what_is_loaded(folder: Path) -> None:
    bundle = load_bundle(folder)
    assert bundle.name == "books"
    assert bundle.manifest.description == "about books"
    assert bundle.classifier == folder / "classifier"
    assert bundle.corruption is None
    assert bundle.adapter is None
    assert bundle.answer_classifier is None
    told = update_bundle(folder, {"answer_classifier/head.json": b"{}"})
    assert told.answer_classifier == folder / "answer_classifier"


def test_an_artifact_for_another_model_is_not_written_beside(tmp_path: Path) -> None:
    mine, other = BaseModel("mine", 8, "a" * 64), BaseModel("other", 8, "b" * 64)
    folder = tmp_path / "books"
    refuse_other_base_model(folder, other, kept="adapter")
    update_bundle(folder, {"adapter/adapter_config.json": b"{}"}, base_model=asdict(mine))
    refuse_other_base_model(folder, mine, kept="adapter")
    refuse_other_base_model(folder, other, kept="corruption")
    with pytest.raises(BundleError, match="holds the adapter for mine, and this model is other"):
        refuse_other_base_model(folder, other, kept="adapter")


_CORRUPTION = {"corruption.safetensors": b"x"}
_ADAPTER = {"adapter/adapter_config.json": b"{}"}


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
    update_bundle(tmp_path / "books", files, action=action)
    assert action_given(tmp_path / "books", made) is given


@hypothesis.given(st.text(max_size=80))
def test_a_name_that_would_do_does(name: str) -> None:
    try:
        check_target_name(name)
    except BundleError as error:
        would_do = str(error).removesuffix(" would do").rpartition(" ")[2]
        check_target_name(would_do)
        Manifest(name=would_do)
    else:
        assert Manifest(name=name).name == name


def test_a_changed_file_is_refused(folder: Path) -> None:
    (folder / "classifier" / "head.json").write_text("[]")
    with pytest.raises(BundleError, match=r"head\.json has hash"):
        load_bundle(folder)


def test_a_missing_file_is_refused(folder: Path) -> None:
    (folder / "classifier" / "head.json").unlink()
    with pytest.raises(BundleError, match="is missing"):
        load_bundle(folder)


def test_a_file_outside_the_folder_is_refused(folder: Path) -> None:
    manifest = json.loads((folder / "target.json").read_text())
    manifest["files"]["../../etc/passwd"] = "0" * 64
    (folder / "target.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="outside"):
        load_bundle(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON"),
        ('{"schema_version": 9}', "schema version 9"),
        ('{"schema_version": 1, "name": "Not A Name"}', "name"),
        ('{"schema_version": 1, "name": "x", "colour": "red"}', "colour"),
        ('{"schema_version": 1, "name": "x", "threshold": 2}', "threshold"),
    ],
)
def test_a_bad_manifest_is_refused_with_what_is_wrong(folder: Path, content: str, message: str) -> None:
    (folder / "target.json").write_text(content)
    with pytest.raises(BundleError, match=message):
        load_bundle(folder)


def test_an_update_keeps_what_it_does_not_name(folder: Path) -> None:
    update_bundle(folder, {}, metrics={"recall": 0.9})
    bundle = update_bundle(folder, {"corruption.safetensors": b"noise"}, metrics={"leak": 0.1})
    assert bundle.classifier is not None
    assert bundle.corruption == folder / "corruption.safetensors"
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


def test_two_bundles_of_one_name_are_refused(folder: Path) -> None:
    update_bundle(folder.parent / "other", {}, name="books")
    with pytest.raises(BundleError, match="both named books"):
        load_bundles(folder.parent)


def test_damaged_bundles_are_found_beside_the_others(folder: Path) -> None:
    for name in ("changed", "other", "unreadable"):
        update_bundle(folder.parent / name, {"classifier/head.json": b"{}"}, name=f"about-{name}")
    (folder.parent / "changed" / "classifier" / "head.json").write_text("[]")
    (folder.parent / "unreadable" / "target.json").write_text("{")
    update_bundle(folder.parent / "other", {}, name="books")
    found = survey_bundles(folder.parent)
    assert [(each.name, type(each)) for each in found] == [
        ("books", Bundle),
        ("about-changed", DamagedBundle),
        ("other", DamagedBundle),
        ("unreadable", DamagedBundle),
    ]
    faults = [str(each.fault) for each in found if isinstance(each, DamagedBundle)]
    for fault, words in zip(faults, ("has hash", "both named books", "not valid JSON"), strict=True):
        assert words in fault


def test_an_empty_folder_holds_no_bundles_and_a_missing_one_is_an_error(tmp_path: Path) -> None:
    assert load_bundles(tmp_path) == ()
    with pytest.raises(BundleError, match="not a folder"):
        load_bundles(tmp_path / "nowhere")


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
