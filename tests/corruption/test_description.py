from pathlib import Path

import pytest

from lethe.bundle import BaseModel, Made, read_base_model, update_bundle
from lethe.corruption.artifact import Corruption, CorruptionError, save_corruption
from lethe.corruption.description import describe_artifact, read_artifact

CORRUPTION = Corruption("add_vector_first_n", 2.0, 2, vector=(3.0, 4.0), seed=9)


@pytest.fixture
def corruption_file(tmp_path: Path) -> Path:
    path = tmp_path / "corruption.safetensors"
    save_corruption(CORRUPTION, path)
    return path


@pytest.fixture
def bundle_folder(tmp_path: Path, corruption_file: Path) -> Path:
    made = Made(BaseModel("some/model", 8, "ab" * 32), {"corruption.safetensors": corruption_file})
    return update_bundle(tmp_path / "books", {}, made).folder


def test_a_file_is_described(corruption_file: Path) -> None:
    lines = describe_artifact(corruption_file)
    assert "function   add_vector_first_n" in lines
    assert "vector     2 values, length 5" in lines


def test_a_bundle_is_verified_and_described(bundle_folder: Path) -> None:
    lines = describe_artifact(bundle_folder)
    assert lines[0].startswith("bundle      books ")
    assert lines[0].endswith("hashes verified")
    assert "some/model" in lines[1]
    assert read_artifact(bundle_folder) == CORRUPTION


def test_a_bundle_without_a_corruption_says_so(tmp_path: Path) -> None:
    folder = update_bundle(tmp_path / "empty", {}).folder
    with pytest.raises(CorruptionError, match="has no corruption"):
        read_artifact(folder)


def test_a_corruption_of_another_model_is_refused(bundle_folder: Path, small_model: Path) -> None:
    with pytest.raises(CorruptionError, match="was made for some/model"):
        read_artifact(bundle_folder, small_model)


def test_a_file_alone_must_fit_the_models_width(tmp_path: Path, small_model: Path) -> None:
    path = tmp_path / "corruption.safetensors"
    save_corruption(Corruption("zero_out_first_n", 0.0, 4000), path)
    with pytest.raises(CorruptionError, match="4000 dimensions"):
        read_artifact(path, small_model)


def test_of_several_models_each_is_described_and_one_is_read(
    bundle_folder: Path, tmp_path: Path, small_model: Path
) -> None:
    other, file = Corruption("zero_out_first_n", 0.0, 3), tmp_path / "other.safetensors"
    save_corruption(other, file)
    update_bundle(
        bundle_folder, {}, Made(read_base_model(small_model, "small"), {"corruption.safetensors": file})
    )
    lines = describe_artifact(bundle_folder)
    assert [line.split()[-1] for line in lines if line.startswith("function")] == [
        "add_vector_first_n",
        "zero_out_first_n",
    ]
    assert read_artifact(bundle_folder, small_model) == other
    with pytest.raises(CorruptionError, match="corruptions for some/model, small; name the folder"):
        read_artifact(bundle_folder)
