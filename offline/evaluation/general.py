"""Ordinary prompts: what a guard must leave alone."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydantic

from lethe.offline.data.files import OptionalText, read_objects
from lethe.offline.evaluation.results import Result
from lethe.offline.language_models import Generation, LanguageModel, Prompt
from lethe.offline.metrics.fluency import unique_token_ratio
from lethe.offline.metrics.rouge import rouge_l

FILES = ("mt_bench_question.jsonl", "vicuna_bench_question.jsonl", "alpaca_seed_tasks.jsonl")


def load_general(data: Path, limit: int | None = None) -> list[str]:
    """The first turn of every MT-bench, Vicuna-bench and Alpaca seed prompt in ``general/``.

    Raises
    ------
    DataError
        A file is missing or a row has no prompt.
    """
    return [
        line.prompt for name in FILES for line in read_objects(data / "general" / name, _GeneralLine)[:limit]
    ]


def evaluate_general(model: LanguageModel, prompts: Sequence[str], max_tokens: int = 48) -> Result:
    """Answer ordinary prompts."""
    outputs = model.generate([Generation(Prompt(text), max_tokens) for text in prompts])
    scores = {
        "unique token ratio": float(np.mean([unique_token_ratio(output.split()) for output in outputs])),
        "words (mean)": float(np.mean([len(output.split()) for output in outputs])),
    }
    return Result("general", model.name, scores, outputs=outputs)


def compare_with_bare(result: Result, bare: Result) -> Result:
    """Add how many answers are the same as the bare model's, and how alike all are."""
    pairs = list(zip(bare.outputs, result.outputs, strict=True))
    same = float(np.mean([ours == theirs for theirs, ours in pairs]))
    alike = float(np.mean([rouge_l(theirs, ours).f_measure for theirs, ours in pairs]))
    return replace(result, scores={**result.scores, "same as bare": same, "ROUGE-L to bare": alike})


class _GeneralLine(pydantic.BaseModel):
    turns: tuple[OptionalText, ...] = ()
    instruction: OptionalText = None

    @property
    def prompt(self) -> str:
        return (self.turns[0] if self.turns else self.instruction) or ""

    @pydantic.model_validator(mode="after")
    def _has_a_prompt(self) -> "_GeneralLine":
        if not self.prompt:
            raise ValueError("no prompt in it")
        return self
