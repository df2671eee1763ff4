"""What the offline jobs' tests stand on: a model small enough to score in a blink, and a place for ordinary text."""

from pathlib import Path

import pytest

from lethe.offline.data.ordinary_text import part_of


@pytest.fixture(scope="session", autouse=True)
def _encoders(encoders_read_once: None) -> None: ...


@pytest.fixture(scope="session")
def tiny_model(tiny_model_folder: Path):
    """The tiny model, ready to score and generate in float32."""
    from lethe.offline.language_models.local import LocalModel

    return LocalModel.from_pretrained(str(tiny_model_folder), name="tiny", dtype="float32")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """An empty folder of a package that training may read."""
    folder = tmp_path / next(name for name in map("package-{}".format, range(9)) if part_of(name) == "train")
    folder.mkdir()
    return folder
