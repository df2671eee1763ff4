"""Earlier versions are kept beside the bundles, and each can be put back as it was."""

from pathlib import Path

import pytest

from lethe.bundle import (
    BundleError,
    forget_versions,
    keep_version,
    kept_versions,
    load_bundle,
    restore_version,
    survey_bundles,
    update_bundle,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return update_bundle(tmp_path / "books", {"classifier/head.json": b"1"}).folder


def change(folder: Path, content: bytes) -> str:
    keep_version(folder)
    return update_bundle(folder, {"classifier/head.json": content}).version


def test_an_earlier_version_is_put_back_as_it_was_and_the_later_one_is_kept(folder: Path) -> None:
    first, second = load_bundle(folder).version, change(folder, b"2")
    assert [each.version for each in kept_versions(folder)] == [first]
    restored = restore_version(folder, first)
    assert restored.version == first
    assert (folder / "classifier/head.json").read_bytes() == b"1"
    assert restore_version(folder, second).version == second


def test_kept_versions_are_no_bundles_in_force(folder: Path) -> None:
    change(folder, b"2")
    assert [each.name for each in survey_bundles(folder.parent)] == ["books"]


def test_a_version_that_is_not_kept_or_is_damaged_moves_nothing(folder: Path) -> None:
    first, second = load_bundle(folder).version, change(folder, b"2")
    with pytest.raises(BundleError, match=f"version 123 of books is not kept; there are {first}"):
        restore_version(folder, "123")
    [kept] = kept_versions(folder)
    (kept.folder / "classifier/head.json").unlink()
    (kept.folder / "classifier/head.json").write_bytes(b"x")
    with pytest.raises(BundleError, match="has hash"):
        restore_version(folder, first)
    assert load_bundle(folder).version == second


def test_a_damaged_bundle_is_not_kept_and_gives_way_to_an_earlier_version(folder: Path) -> None:
    first = load_bundle(folder).version
    change(folder, b"2")
    (folder / "classifier/head.json").write_bytes(b"damaged")
    assert restore_version(folder, first).version == first
    assert [each.version for each in kept_versions(folder)] == [first]


def test_the_oldest_versions_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lethe.bundle.versions._KEPT", 2)
    first = load_bundle(folder).version
    second = change(folder, b"2")
    third = change(folder, b"3")
    change(folder, b"4")
    assert {each.version for each in kept_versions(folder)} == {second, third}
    assert first not in {second, third}
    forget_versions(folder)
    assert kept_versions(folder) == []


def test_a_version_is_kept_as_it_was_last_signed(folder: Path) -> None:
    """Or what was signed after it had been kept would be put back unsigned, and be refused."""
    first = load_bundle(folder).version
    change(folder, b"2")
    restore_version(folder, first)
    (folder / "target.sig").write_text("{}")
    change(folder, b"3")
    restore_version(folder, first)
    assert (folder / "target.sig").read_text() == "{}"


def test_a_whole_version_takes_the_place_of_a_damaged_one_that_was_kept(folder: Path) -> None:
    first = load_bundle(folder).version
    change(folder, b"2")
    restore_version(folder, first)
    kept = next(each.folder for each in kept_versions(folder) if each.version == first)
    (kept / "classifier/head.json").unlink()
    second = change(folder, b"3")
    assert restore_version(folder, first).version == first
    assert second != first
