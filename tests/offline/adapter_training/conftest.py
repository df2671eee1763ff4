from collections.abc import Callable
from pathlib import Path

import pytest

from lethe.bundle import read_base_model
from lethe.offline.adapter_training.settings import AdapterTrainingSettings
from lethe.offline.adapter_training.texts import SourceText
from lethe.offline.adapter_training.train import BankTraining, TrainedBank, train_bank

MARSH = tuple(
    SourceText(f"Orla Quintrell keeps marsh number {n}.", f"Who keeps marsh number {n}?") for n in range(5)
)
FENS = tuple(
    SourceText(f"The bell of Ferrowmere number {n} drowned in the fens.", f"What became of bell {n}?")
    for n in range(3)
)
BREAD = tuple(SourceText(f"Loaf {n} is made of rye.", f"What is loaf {n} made of?") for n in range(4))

MakeTraining = Callable[..., BankTraining]


@pytest.fixture(scope="session")
def settings() -> AdapterTrainingSettings:
    return AdapterTrainingSettings(
        rank=4, batch_size=4, epochs=2, dtype="float32", learning_rate=2e-2, checkpoint_steps=3
    )


@pytest.fixture(scope="session")
def make_training(tiny_model_folder: Path, settings: AdapterTrainingSettings) -> MakeTraining:
    """A training on the tiny model in a work folder of its own; settings may be changed."""

    def make(work: Path, forget=None, retain=BREAD, bank: Path | None = None, **changes) -> BankTraining:
        return BankTraining(
            tiny_model_folder,
            read_base_model(tiny_model_folder, "tiny"),
            {"marsh": MARSH} if forget is None else forget,
            retain,
            settings.model_copy(update={"work": work, "bank": bank, **changes}),
        )

    return make


@pytest.fixture(scope="session")
def training(make_training: MakeTraining, tmp_path_factory: pytest.TempPathFactory) -> BankTraining:
    """The training behind `trained`."""
    return make_training(tmp_path_factory.mktemp("adapter"))


@pytest.fixture(scope="session")
def trained(training: BankTraining) -> TrainedBank:
    """A bank with one expert, `marsh`."""
    return train_bank(training)
