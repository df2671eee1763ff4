import os
import stat
import threading
from pathlib import Path

import pytest

from lethe.bundle.files import locked, remove_folder, replace_file, replaced_folder, sha256_of


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("content", ["words", b"words", lambda path: path.write_text("words")])
def test_a_file_is_written_with_its_folders(tmp_path: Path, content: object) -> None:
    path = tmp_path / "new" / "file.txt"
    replace_file(path, content)  # pyright: ignore[reportArgumentType]
    assert path.read_text() == "words"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert names(path.parent) == ["file.txt"]


def test_a_file_stays_as_it_was_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("before")

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        replace_file(path, fail)
    assert path.read_text() == "before"
    assert names(tmp_path) == ["file.txt"]


def test_a_secret_is_never_readable_by_others(tmp_path: Path) -> None:
    path, seen = tmp_path / "keys.yaml", []
    replace_file(path, lambda temporary: seen.append(stat.S_IMODE(temporary.stat().st_mode)), mode=0o600)
    assert [*seen, stat.S_IMODE(path.stat().st_mode)] == [0o600, 0o600]


def test_a_folder_takes_the_place_of_another_whole(tmp_path: Path) -> None:
    folder = tmp_path / "adapter"
    for content in ("first", "second"):
        with replaced_folder(folder) as staging:
            (staging / content).write_text(content)
    assert names(tmp_path) == ["adapter"]
    assert names(folder) == ["second"]


def test_a_folder_stays_as_it_was_when_filling_fails(tmp_path: Path) -> None:
    folder = tmp_path / "adapter"
    with replaced_folder(folder) as staging:
        (staging / "first").touch()

    def fail() -> None:
        with replaced_folder(folder) as staging:
            (staging / "second").touch()
            raise RuntimeError("no power")

    with pytest.raises(RuntimeError, match="power"):
        fail()
    assert names(tmp_path) == ["adapter"]
    assert names(folder) == ["first"]


def test_a_folder_whose_place_another_cannot_take_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A target that were gone would be guarded no more."""
    folder = tmp_path / "adapter"
    with replaced_folder(folder) as staging:
        (staging / "first").touch()
    replace = os.replace

    def fail_for_the_new(source: Path, target: Path) -> None:
        if (source / "second").exists():
            raise OSError("not now")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail_for_the_new)
    with pytest.raises(OSError, match="not now"), replaced_folder(folder) as staging:
        (staging / "second").touch()
    assert names(tmp_path) == ["adapter"]
    assert names(folder) == ["first"]


def test_a_folder_that_somebody_else_filled_meanwhile_can_be_kept(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    with replaced_folder(folder, keep=True) as staging:
        (staging / "late").touch()
        folder.mkdir()
        (folder / "early").touch()
    assert names(tmp_path) == ["model"]
    assert names(folder) == ["early"]


def test_a_removed_folder_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    remove_folder(tmp_path / "bundle")
    assert names(tmp_path) == []


def test_writers_wait_for_each_other_and_readers_do_not(tmp_path: Path) -> None:
    order: list[str] = []

    def write() -> None:
        with locked(tmp_path):
            order.append("writer")

    with locked(tmp_path, shared=True), locked(tmp_path, shared=True):
        writer = threading.Thread(target=write)
        writer.start()
        writer.join(0.05)
        order.append("readers")
    writer.join()
    assert order == ["readers", "writer"]


def test_a_digest_is_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert sha256_of(tmp_path / "empty").startswith("e3b0c44298fc1c14")


def test_a_file_is_on_the_disk_before_it_takes_the_place_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that loses power may otherwise keep the new name with nothing in it, of keys for one."""
    order: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: (order.append("on the disk"), fsync(file)))
    monkeypatch.setattr(os, "replace", lambda *paths: (order.append("in place"), replace(*paths)))
    replace_file(tmp_path / "keys.yaml", "keys: []")
    assert order == ["on the disk", "in place"]
