"""A model that never answers the same task twice, and so makes every job on top of it resumable."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lethe.offline.data.json_lines import append_lines, read_whole_lines
from lethe.offline.language_models.guarded import Selects
from lethe.offline.language_models.interface import (
    Choice,
    Examination,
    Generation,
    LanguageModel,
    Scoring,
)


class RecordedModel:
    """Answers from a file what was asked before, and asks the model the rest in chunks, recording each.

    Parameters
    ----------
    path
        JSON lines; appended to. It belongs to this model: name it after the model, not after the job.
    chunk
        Tasks that are asked together, and so lost together by an interruption.
    name
        What to call it, where that is not its own name.
    on_answered
        Told (tasks answered, tasks asked) of the call at hand, after every chunk.
    """

    def __init__(
        self,
        model: LanguageModel,
        path: Path,
        chunk: int = 128,
        on_answered: Callable[[int, int], None] = lambda _done, _total: None,
        name: str | None = None,
    ) -> None:
        self.model = model
        self.name = name or model.name
        self.path = path
        self.chunk = chunk
        self.on_answered = on_answered
        self._answers: dict[str, Any] = dict(read_whole_lines(path))

    def score(self, tasks: Sequence[Scoring]) -> list[NDArray[np.float64]]:
        """See `LanguageModel.score`."""
        return [np.array(answer) for answer in self._answer("score", tasks, self.model.score)]

    def examine(self, tasks: Sequence[Scoring]) -> list[Examination]:
        """See `LanguageModel.examine`."""

        def ask(new: Sequence[Scoring]) -> list[dict[str, Any]]:
            return [_lists(scores) for scores in self.model.examine(new)]

        return [_token_scores(answer) for answer in self._answer("examine", tasks, ask)]

    def generate(self, tasks: Sequence[Generation]) -> list[str]:
        """See `LanguageModel.generate`."""
        return self._answer("generate", tasks, self.model.generate)

    def choose(self, tasks: Sequence[Choice]) -> list[NDArray[np.float64]]:
        """See `LanguageModel.choose`."""
        return [np.array(answer) for answer in self._answer("choose", tasks, self.model.choose)]

    def _answer(
        self, method: str, tasks: Sequence[Any], ask: Callable[[Sequence[Any]], list[Any]]
    ) -> list[Any]:
        keys = [_key(method, task) for task in tasks]
        new = {key: task for key, task in zip(keys, tasks, strict=True) if key not in self._answers}
        items = list(new.items())
        for start in range(0, len(items), self.chunk):
            part = items[start : start + self.chunk]
            self._record([key for key, _ in part], ask([task for _, task in part]))
            self.on_answered(len(tasks) - len(items) + start + len(part), len(tasks))
        return [self._answers[key] for key in keys]

    def _record(self, keys: Sequence[str], answers: Sequence[Any]) -> None:
        plain = [answer.tolist() if isinstance(answer, np.ndarray) else answer for answer in answers]
        append_lines(self.path, zip(keys, plain, strict=True))
        self._answers.update(zip(keys, plain, strict=True))


def recorded_selects(open_selects: Callable[[], Selects], path: Path) -> Selects:
    """Recall from a file which prompts were selected before, and ask about the rest, recording each.

    Parameters
    ----------
    open_selects
        Called where there is a rest, such as to load a classifier.
    path
        JSON lines; appended to. It belongs to this rule.
    """
    known: dict[str, bool] = dict(read_whole_lines(path))

    def selects(texts: Sequence[str]) -> list[bool]:
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new:
            judged = list(zip(new, open_selects()(new), strict=True))
            append_lines(path, judged)
            known.update(judged)
        return [known[text] for text in texts]

    return selects


def _lists(scores: Examination) -> dict[str, Any]:
    return {name: None if value is None else value.tolist() for name, value in vars(scores).items()}


def _token_scores(answer: dict[str, Any]) -> Examination:
    given: dict[str, Any] = {
        name: None if value is None else np.array(value) for name, value in answer.items()
    }
    return Examination(**given)


def _key(method: str, task: Any) -> str:
    document = json.dumps([method, asdict(task)], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(document.encode()).hexdigest()[:24]
