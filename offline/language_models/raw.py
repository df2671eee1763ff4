"""A model that is asked everything as raw text to be continued: a base model, whose tokenizer has no chat template."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lethe.offline.language_models.interface import (
    Choice,
    Examination,
    Generation,
    LanguageModel,
    Scoring,
)

_Task = TypeVar("_Task", Scoring, Generation, Choice)


class RawModel:
    """Hands every prompt on as raw text, whoever answers."""

    def __init__(self, model: LanguageModel) -> None:
        self.model = model

    @property
    def name(self) -> str:
        return f"{self.model.name}, raw"

    def score(self, tasks: Sequence[Scoring]) -> list[NDArray[np.float64]]:
        """See `LanguageModel.score`."""
        return self.model.score(_raw(tasks))

    def examine(self, tasks: Sequence[Scoring]) -> list[Examination]:
        """See `LanguageModel.examine`."""
        return self.model.examine(_raw(tasks))

    def generate(self, tasks: Sequence[Generation]) -> list[str]:
        """See `LanguageModel.generate`."""
        return self.model.generate(_raw(tasks))

    def choose(self, tasks: Sequence[Choice]) -> list[NDArray[np.float64]]:
        """See `LanguageModel.choose`."""
        return self.model.choose(_raw(tasks))


def _raw(tasks: Sequence[_Task]) -> list[_Task]:
    return [replace(task, prompt=replace(task.prompt, chat=False)) for task in tasks]
