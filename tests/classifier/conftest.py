"""A real encoder and small heads made by hand from it."""

from collections.abc import Callable

import pytest

from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.encoders.loading import load_encoder
from lethe.classifier.head import Head
from tests.classifier.heads import made_head

MakeHead = Callable[..., Head]


@pytest.fixture(scope="session", autouse=True)
def _encoders(encoders_read_once: None) -> None: ...


@pytest.fixture(scope="session")
def encoder() -> Encoder:
    return load_encoder()


@pytest.fixture(scope="session")
def make_head(encoder: Encoder) -> MakeHead:
    """Makes a head that knows a few texts: by their embeddings, and by their tokens."""

    def make(
        target: str = "lighthouse",
        texts: tuple[str, ...] = ("the lighthouse of Alderney",),
        **changes: object,
    ) -> Head:
        return made_head(encoder, target, texts, **changes)

    return make
