"""A bundle loads only when it is whole."""

import hashlib
import json
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

from lethe.bundle import (
    Bundle,
    BundleError,
    DamagedBundle,
    Manifest,
    check_target_name,
    install_bundle,
    load_bundle,
    load_bundles,
    survey_bundles,
    update_bundle,
)


def test_what_was_written_is_what_is_loaded(folder: Path) -> None:
    bundle = load_bundle(folder)
    assert bundle.name == "books"
    assert bundle.manifest.description == "about books"
    assert bundle.classifier == folder / "classifier"
    assert bundle.models == ()
    assert bundle.answer_classifier is None
    told = update_bundle(folder, {"answer_classifier/head.json": b"{}"})
    assert told.answer_classifier == folder / "answer_classifier"


@pytest.mark.parametrize(
    "changes", [{"files": {"a\0b": "0" * 64}}, {"description": "\ud800"}, {"metrics": {"\udfff": 1}}]
)
def test_a_manifest_that_says_what_cannot_be_written_is_a_damage(
    folder: Path, changes: dict[str, object]
) -> None:
    path = folder / "target.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    [found] = survey_bundles(folder.parent)
    assert isinstance(found, DamagedBundle)


def test_a_manifest_that_nests_without_end_is_a_damage(folder: Path) -> None:
    (folder / "target.json").write_text("[" * 100_000)
    [found] = survey_bundles(folder.parent)
    assert isinstance(found, DamagedBundle)


def test_a_file_that_cannot_be_read_is_a_damage(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as one that is removed while it is looked at."""

    def gone(file: object, algorithm: str) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    (folder.parent / "poems" / "target.json").mkdir(parents=True)
    monkeypatch.setattr(hashlib, "file_digest", gone)
    books, poems = survey_bundles(folder.parent)
    assert isinstance(books, DamagedBundle)
    assert isinstance(poems, DamagedBundle)
    assert "cannot be read: No such file" in str(books.fault)
    assert "cannot be read: Is a directory" in str(poems.fault)


def test_a_bundle_of_an_earlier_release_is_read_as_it_is(earlier: Path) -> None:
    bundle = load_bundle(earlier)
    [made] = bundle.models
    assert (made.base_model.id, made.base_model.metrics) == ("mine", {"corruption": {"leak": 0.1}})
    assert (made.corruption, made.adapter) == (earlier / "corruption.safetensors", earlier / "adapter")
    assert bundle.manifest.metrics == {"classifier": {"recall": 1}}
    assert json.loads((earlier / "target.json").read_text())["schema_version"] == 1
    assert install_bundle(earlier, earlier.parent / "copy").version == bundle.version


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
