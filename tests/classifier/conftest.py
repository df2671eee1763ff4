"""A real encoder and small heads made by hand from it."""

from collections.abc import Callable

import numpy as np
import pytest

from lethe.classifier.calibration import Calibration
from lethe.classifier.encoder import Encoder
from lethe.classifier.head import Head
from lethe.classifier.ngrams import BUCKETS, HashedText

MakeHead = Callable[..., Head]


@pytest.fixture(scope="session")
def encoder() -> Encoder:
    return Encoder.load()


@pytest.fixture(scope="session")
def make_head(encoder: Encoder) -> MakeHead:
    """Makes a head that knows a few texts: by their embeddings, and by their n-grams."""

    def make(
        target: str = "lighthouse",
        texts: tuple[str, ...] = ("the lighthouse of Alderney",),
        **changes: object,
    ) -> Head:
        direction = encoder.embed(texts).mean(axis=0)
        ngrams = np.zeros(BUCKETS, np.float32)
        for text in texts:
            ngrams[HashedText(text).buckets] = 4.0
        fields: dict[str, object] = {
            "target": target,
            "encoder_id": encoder.id,
            "encoder_sha256": encoder.sha256,
            "direction": 10 * direction / np.linalg.norm(direction),
            "bias": -5.0,
            "ngram_weights": ngrams,
            "ngram_bias": -4.0,
            "lexical_share": 0.5,
            "lexical_limit": 8.0,
            "pass_below": -3.5,
            "passed_probability": 0.001,
            "threshold": 0.5,
            "calibration": Calibration(),
            "version": "v1",
        }
        return Head(**(fields | changes))  # pyright: ignore[reportArgumentType]

    return make
