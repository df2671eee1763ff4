"""Embeddings are kept on disk, and a file that cannot hold them is named."""

import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.encoders.loading import load_encoder
from lethe.offline.classifier_training.embeddings import EmbeddingStore
from lethe.offline.classifier_training.errors import TrainingError

TEXTS = ["Who keeps the light of Sark?", "Which birds nest on Herm?"]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder()


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file grows beyond what a database without rows has."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (13_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_was_embedded_is_read_back(encoder: Encoder, tmp_path: Path) -> None:
    first = EmbeddingStore(encoder, "int8", tmp_path / "kept.sqlite")
    made = first.embed(TEXTS)
    first.close()
    counted: list[int] = []
    again = EmbeddingStore(encoder, "int8", tmp_path / "kept.sqlite")
    assert np.array_equal(again.embed(TEXTS, lambda done, total: counted.append(done)), made)
    assert not counted


def test_a_file_that_is_no_database_is_named(encoder: Encoder, tmp_path: Path) -> None:
    (tmp_path / "kept.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(TrainingError, match=r"kept\.sqlite: file is not a database; .* remove it"):
        EmbeddingStore(encoder, "int8", tmp_path / "kept.sqlite")


def test_a_full_disk_is_told(encoder: Encoder, tmp_path: Path, full_disk: None) -> None:
    store = EmbeddingStore(encoder, "int8", tmp_path / "kept.sqlite")
    with pytest.raises(TrainingError, match=r"kept\.sqlite: .*see to its disk"):
        store.embed([f"{text} {number}" for text in TEXTS for number in range(10)])
