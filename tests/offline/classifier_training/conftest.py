"""A few dozen prompts about lighthouses to train on, and a small encoder of random weights."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lethe.classifier.encoders.files import find_encoder
from lethe.models.sentence_encoders import MINILM
from lethe.offline.classifier_training.examples import Example
from lethe.offline.classifier_training.settings import TrainingSettings
from lethe.offline.classifier_training.train import train_classifier
from lethe.offline.classifier_training.trained_classifier import TrainedClassifier
from lethe.offline.progress import Progress

Train = Callable[..., TrainedClassifier]
PLACES = (
    "Alderney",
    "Sark",
    "Herm",
    "Jethou",
    "Brecqhou",
    "Lihou",
    "Burhou",
    "Casquets",
    "Ortac",
    "Renonquet",
)
ABOUT = (
    "Who keeps the lighthouse of {}?",
    "How tall is the {} light?",
    "When was the lamp on {} lit?",
    "Which ships saw the {} light?",
)
NEAR = ("Which birds nest on {}?", "Is there a pub on {}?", "How do I sail to {}?", "Who owns {}?")
TOPICS = (
    "bread",
    "chess",
    "opera",
    "knitting",
    "taxes",
    "volcanoes",
    "jazz",
    "gardening",
    "cycling",
    "poetry",
)
PLAIN = ("Explain {}.", "Write a song about {}.", "What is the history of {}?", "Recommend a book about {}.")


def examples_of(patterns: tuple[str, ...], names: tuple[str, ...]) -> list[Example]:
    return [Example(pattern.format(name)) for pattern in patterns for name in names]


@pytest.fixture(scope="session")
def work_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where trainings keep embeddings, and what interrupted ones came to."""
    return tmp_path_factory.mktemp("training")


@pytest.fixture(scope="session")
def train(work_folder: Path) -> Train:
    """Trains a small classifier: a target's name, who is told, and changes of the settings in, what was trained out."""

    def train(
        target: str = "lights", progress: Progress | None = None, **changes: object
    ) -> TrainedClassifier:
        small = {"forget_forms": 2, "vocabulary_rounds": 0, "folds": 2, "refit": False, "scan_rounds": 0}
        settings = TrainingSettings.model_validate(small | changes)
        forget, retain, general = (
            examples_of(*pair) for pair in ((ABOUT, PLACES), (NEAR, PLACES), (PLAIN, TOPICS))
        )
        return train_classifier(
            target, forget, retain, general, settings, work_folder, progress or Progress(lambda _line: None)
        )

    return train


@pytest.fixture(scope="session")
def trained(train: Train) -> TrainedClassifier:
    """A classifier by these settings as they are, for all who only read it: training one takes seconds."""
    return train()


@pytest.fixture(scope="session")
def tiny_encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two layers and random weights behind MiniLM's tokenizer."""
    import torch
    from transformers import BertConfig, BertModel

    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=30522,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        initializer_range=0.3,
    )
    folder = tmp_path_factory.mktemp("encoders") / "tiny"
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    shutil.copyfile(find_encoder(MINILM).folder / "tokenizer.json", folder / "tokenizer.json")
    return folder
