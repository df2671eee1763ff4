"""A base model is known by its embeddings."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from lethe.bundle import BundleError, read_base_model


def write_model(
    folder: Path, embeddings: np.ndarray, name: str = "model.embed_tokens.weight", width: str = "hidden_size"
) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({width: embeddings.shape[1]}))
    tensors = {"model.norm.weight": np.ones(3, np.float32), name: embeddings}
    save_file(tensors, folder / "model.safetensors")


def test_the_digest_is_of_the_embedding_matrix_alone(tmp_path: Path) -> None:
    embeddings = np.arange(12, dtype=np.float32).reshape(3, 4)
    write_model(tmp_path, embeddings)
    model = read_base_model(tmp_path, "toy")
    assert model.hidden_size == 4
    assert model.embedding_sha256 == hashlib.sha256(embeddings.tobytes()).hexdigest()


@pytest.mark.parametrize(
    ("name", "width"),
    [
        ("wte.weight", "n_embd"),
        ("transformer.wte.weight", "n_embd"),
        ("model.decoder.embed_tokens.weight", "hidden_size"),
        ("backbone.embeddings.weight", "hidden_size"),
        ("transformer.word_embeddings.weight", "hidden_size"),
    ],
)
def test_a_model_that_names_its_parts_otherwise_is_known(tmp_path: Path, name: str, width: str) -> None:
    """As GPT-2, OPT, Mamba and Falcon do."""
    embeddings = np.arange(12, dtype=np.float32).reshape(3, 4)
    write_model(tmp_path, embeddings, name, width)
    model = read_base_model(tmp_path, "toy")
    assert (model.hidden_size, model.embedding_sha256) == (
        4,
        hashlib.sha256(embeddings.tobytes()).hexdigest(),
    )


def test_another_embedding_is_another_model(tmp_path: Path) -> None:
    write_model(tmp_path / "a", np.zeros((3, 4), np.float32))
    write_model(tmp_path / "b", np.ones((3, 4), np.float32))
    digests = {read_base_model(tmp_path / name, "toy").embedding_sha256 for name in "ab"}
    assert len(digests) == 2


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"has no config\.json"):
        read_base_model(tmp_path, "toy")
    (tmp_path / "config.json").write_text('{"hidden_size": 4}')
    with pytest.raises(BundleError, match="no safetensors file with an input embedding"):
        read_base_model(tmp_path, "toy")


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"\xff" * 100])
def test_what_is_no_file_of_weights_is_told(tmp_path: Path, content: bytes) -> None:
    write_model(tmp_path, np.zeros((3, 4), np.float32))
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(BundleError, match="is no safetensors file; download it again"):
        read_base_model(tmp_path, "toy")
