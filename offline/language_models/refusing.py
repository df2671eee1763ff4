"""A model behind a guard that refuses: prompts that a rule selects get one fixed text, all others the model's own."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lethe.offline.language_models.guarded import Selects, which_are_selected
from lethe.offline.language_models.interface import (
    Choice,
    Examination,
    Generation,
    LanguageModel,
    LanguageModelError,
    Scoring,
)

_Task = TypeVar("_Task", Scoring, Choice)


class RefusingModel:
    """Answers selected prompts with a refusal, as the proxy does; the model is not asked.

    Parameters
    ----------
    selects
        Says of each prompt's text whether it is refused.
    """

    def __init__(self, model: LanguageModel, selects: Selects, refusal: str, name: str) -> None:
        self.model = model
        self.selects = selects
        self.refusal = refusal
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    def score(self, tasks: Sequence[Scoring]) -> list[NDArray[np.float64]]:
        """See `LanguageModel.score`.

        Raises
        ------
        LanguageModelError
            A prompt is refused: no model is asked, and so none has an opinion of the answer.
        """
        self._refuse_to_score(tasks)
        return self.model.score(tasks)

    def examine(self, tasks: Sequence[Scoring]) -> list[Examination]:
        """See `LanguageModel.examine`; raises as `score` does."""
        self._refuse_to_score(tasks)
        return self.model.examine(tasks)

    def generate(self, tasks: Sequence[Generation]) -> list[str]:
        """See `LanguageModel.generate`."""
        refused = which_are_selected(tasks, self.selects)
        answers = iter(
            self.model.generate([task for task, each in zip(tasks, refused, strict=True) if not each])
        )
        return [self.refusal if each else next(answers) for each in refused]

    def choose(self, tasks: Sequence[Choice]) -> list[NDArray[np.float64]]:
        """See `LanguageModel.choose`; raises as `score` does."""
        self._refuse_to_score(tasks)
        return self.model.choose(tasks)

    def _refuse_to_score(self, tasks: Sequence[_Task]) -> None:
        if any(which_are_selected(tasks, self.selects)):
            raise LanguageModelError("a prompt that is refused reaches no model that could score an answer")
