"""Models for the offline jobs' tests: one small enough to score in a blink, with an ordinary tokenizer."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def _encoders(encoders_read_once: None) -> None: ...


@pytest.fixture(scope="session")
def tiny_model(tiny_model_folder: Path):
    """The tiny model, ready to score and generate in float32."""
    from lethe.offline.language_models.local import LocalModel

    return LocalModel.from_pretrained(str(tiny_model_folder), name="tiny", dtype="float32")
