"""Two models behind a router: prompts that a rule selects go to one of them, all others to the other."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lethe.offline.language_models.guarded import Selects, which_are_selected
from lethe.offline.language_models.interface import (
    Choice,
    Examination,
    Generation,
    LanguageModel,
    Scoring,
)

_Task = TypeVar("_Task", Scoring, Generation, Choice)


class RoutedModel:
    """Sends selected prompts to the model with an adapter, as the proxy does.

    Parameters
    ----------
    base
        Answers what is not selected.
    adapted
        Answers what is.
    selects
        Says of each prompt's text whether it is selected.
    """

    def __init__(self, base: LanguageModel, adapted: LanguageModel, selects: Selects, name: str) -> None:
        self.base = base
        self.adapted = adapted
        self.selects = selects
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    def score(self, tasks: Sequence[Scoring]) -> list[NDArray[np.float64]]:
        """See `LanguageModel.score`."""
        return self._route(tasks, self.base.score, self.adapted.score)

    def examine(self, tasks: Sequence[Scoring]) -> list[Examination]:
        """See `LanguageModel.examine`."""
        return self._route(tasks, self.base.examine, self.adapted.examine)

    def generate(self, tasks: Sequence[Generation]) -> list[str]:
        """See `LanguageModel.generate`."""
        return self._route(tasks, self.base.generate, self.adapted.generate)

    def choose(self, tasks: Sequence[Choice]) -> list[NDArray[np.float64]]:
        """See `LanguageModel.choose`."""
        return self._route(tasks, self.base.choose, self.adapted.choose)

    def _route(
        self,
        tasks: Sequence[_Task],
        base: Callable[[Sequence[_Task]], list[Any]],
        adapted: Callable[[Sequence[_Task]], list[Any]],
    ) -> list[Any]:
        selected = which_are_selected(tasks, self.selects)
        answers = {
            chosen: iter(ask([task for task, each in zip(tasks, selected, strict=True) if each == chosen]))
            for chosen, ask in ((False, base), (True, adapted))
        }
        return [next(answers[each]) for each in selected]
