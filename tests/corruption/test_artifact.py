import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from lethe.corruption.artifact import Corruption, CorruptionError, load_corruption, save_corruption


@pytest.mark.parametrize(
    "corruption",
    [
        Corruption("rand_noise_first_n", 0.1, 1, seed=2**64 - 1),
        Corruption("add_vector_first_n", 1.0, 3, vector=(0.5, -1.25, 3.0), positions="entities"),
        Corruption("reverse_order", 0.0, 1, positions="user_content"),
    ],
)
def test_a_saved_corruption_loads_as_it_was(corruption: Corruption, tmp_path: Path) -> None:
    path = tmp_path / "corruption.safetensors"
    save_corruption(corruption, path)
    assert load_corruption(path) == corruption
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_equal_corruptions_are_equal_files(tmp_path: Path) -> None:
    path = tmp_path / "corruption.safetensors"
    written: set[bytes] = set()
    for _ in range(20):
        save_corruption(Corruption("rand_noise_first_n", 0.1, 1), path)
        written.add(path.read_bytes())
    assert len(written) == 1


def test_more_dims_than_the_model_has_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "corruption.safetensors"
    save_corruption(Corruption("zero_out_first_n", 0.0, 577), path)
    with pytest.raises(CorruptionError, match="touches 577 dimensions"):
        load_corruption(path, hidden_size=576)


def test_a_file_that_is_not_safetensors_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "corruption.safetensors"
    path.write_bytes(b"\x80\x04 a pickle, say")
    with pytest.raises(CorruptionError, match="not a readable corruption file"):
        load_corruption(path)
    with pytest.raises(CorruptionError, match="not a readable corruption file"):
        load_corruption(tmp_path / "missing.safetensors")


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "schema version None"),
        ({"schema_version": "9"}, "schema version '9'"),
        ({"schema_version": "1"}, "has no 'function'"),
        ({"schema_version": "1", "function": "no_such", "dims": "1", "positions": "entities"}, "unknown"),
        ({"schema_version": "1", "function": "shuffle", "dims": "one", "positions": "entities"}, "malformed"),
    ],
)
def test_a_file_of_another_shape_is_refused(metadata: dict[str, str], message: str, tmp_path: Path) -> None:
    path = tmp_path / "corruption.safetensors"
    save_file({"strength": np.ones(1), "seed": np.zeros(1, dtype=np.uint64)}, path, metadata)
    with pytest.raises(CorruptionError, match=message):
        load_corruption(path)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"function": "add_vector_first_n", "dims": 2}, "needs a vector of length dims = 2, got none"),
        ({"function": "add_vector_first_n", "dims": 2, "vector": (1.0,)}, "got one of length 1"),
        ({"function": "add_vector_first_n", "dims": 1, "vector": (float("nan"),)}, "every element"),
        ({"function": "shuffle", "vector": (1.0,)}, "takes no vector"),
    ],
)
def test_vectors_must_fit_the_function(fields: dict, message: str) -> None:
    with pytest.raises(CorruptionError, match=message):
        Corruption(**{"strength": 1.0, "dims": 1, **fields})


def test_reading_corruptions_needs_no_tensor_library() -> None:
    check = (
        "import sys; import lethe.corruption, lethe.corruption.request, lethe.corruption.artifact, lethe.corruption.functions;"
        "sys.exit(any(name in sys.modules for name in ('torch', 'vllm', 'transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_a_file_that_is_another_than_was_vouched_for_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "corruption.safetensors"
    save_corruption(Corruption("zero_out_top_k", 1.0, 4), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert load_corruption(path, sha256=digest).dims == 4
    save_corruption(Corruption("zero_out_top_k", 1.0, 5), path)
    with pytest.raises(CorruptionError, match="was changed since its bundle was verified"):
        load_corruption(path, sha256=digest)
