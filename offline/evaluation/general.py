"""Ordinary prompts: what a guard must leave alone."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lethe.offline.evaluation.data import DataError, read_json_lines
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
    prompts = []
    for name in FILES:
        for number, row in enumerate(read_json_lines(data / "general" / name)[:limit], start=1):
            text = row["turns"][0] if row.get("turns") else row.get("instruction")
            if not isinstance(text, str) or not text.strip():
                raise DataError(f"{data / 'general' / name}, line {number}: no prompt in it")
            prompts.append(text)
    return prompts


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
