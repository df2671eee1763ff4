"""Tunes ALTER on a forget set of TOFU.

Every candidate is trained once, to forget all of the set, and measured at several scales of its adapter. Chosen is the one of the
greatest forget quality on every other forget question, among those that keep enough utility on every question of a part of the
utility sets. The forget questions in between have no part in the choice.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.reproduction.alter import rescale
from bench.reproduction.measured import dtype_in_name
from lethe.bundle.files import replace_file
from lethe.offline.adapter_training.settings import Dtype
from lethe.offline.evaluation.results import Result, read_results, write_results
from lethe.offline.evaluation.tofu import TRUTH_RATIOS, TofuQuestions, evaluate_tofu
from lethe.offline.language_models import LanguageModel
from lethe.offline.metrics.forget_quality import forget_quality
from lethe.offline.training.adapted_model import open_adapted

if TYPE_CHECKING:
    from bench.reproduction.tofu import TofuReproduction

KEPT = 0.93
"""Share of the utility that a candidate has to keep on the tuning questions; the goal is 0.9 of all."""

REFERENCES = "references"
"""Where the models that candidates are compared with stand beside them."""

_SCALES = (1.0, 0.8, 1.3, 0.6)


@dataclass(frozen=True)
class Choice:
    """What was chosen, and by what.

    Attributes
    ----------
    name
        Of the candidate.
    scale
        Of its adapter.
    tuning, held_out, whole
        Forget quality on the questions that it was chosen by, on the others, and on all.
    kept
        Share of the utility that it keeps on the tuning questions.
    ratio
        Median truth ratio of all forget questions.
    dtype
        What models were run in when it was chosen.
    """

    name: str
    scale: float
    tuning: float
    held_out: float
    whole: float
    kept: float
    ratio: float
    dtype: Dtype = "bfloat16"


def measure_candidate(run: "TofuReproduction", forget: str, name: str) -> list[Result]:
    """Train one of a forget set's candidates, and measure it at every scale on the tuning questions, going on after the last."""
    folder = tuning_folder(run.work, forget, run.dtype) / name
    kept = folder / "results.json"
    results = read_results(kept) if kept.is_file() else []
    if len(results) == len(_SCALES):
        return results
    asked = tuning_questions(TofuQuestions.load(forget, run.data, run.recipe.utility_questions))
    bank = run.train_adapter(forget, run.recipe.alter_candidates[forget][name])
    opened = open_adapted(run.train("full"), bank.compose(), name, dtype=run.dtype)
    for scale in _SCALES[len(results) :]:
        rescale(opened, bank.compose({forget: scale}))
        run.say(f"{forget}: {name} at {scale:g}")
        result = evaluate_tofu(opened, asked, run.recipe.answer_tokens, answers_forgotten=False)
        results.append(replace(result, model=f"{name} at {scale:g}"))
        write_results(results, folder)
    return results


def measure_references(run: "TofuReproduction", forget: str) -> list[Result]:
    """The retain model's truth ratios and the utility that the original has, on the same questions."""
    folder = tuning_folder(run.work, forget, run.dtype) / REFERENCES
    if (folder / "results.json").is_file():
        return measured_references(run.work, forget, run.dtype)
    asked = tuning_questions(TofuQuestions.load(forget, run.data, run.recipe.utility_questions))
    references: Mapping[str, LanguageModel] = {
        "retain": run.model(f"retain-{forget}"),
        "original": run.model("full"),
    }
    results = [
        replace(evaluate_tofu(model, asked, run.recipe.answer_tokens, answers_forgotten=False), model=name)
        for name, model in references.items()
    ]
    write_results(results, folder)
    return results


def tuning_questions(questions: TofuQuestions) -> TofuQuestions:
    """All forget questions, and of the utility sets what candidates are compared on."""
    steps = {"retain": 4}
    return TofuQuestions(
        questions.forget,
        {name: asked[:: steps.get(name, 2)] for name, asked in questions.utility.items()},
    )


def choose(references: Sequence[Result], measured: Sequence[Result]) -> Choice:
    """The choice among all candidates and scales; the most that is kept where none keeps enough."""
    retain, original = references
    compared = [_judged(result, retain, original) for result in measured]
    enough = [each for each in compared if each.kept >= KEPT]
    if enough:
        return max(enough, key=lambda each: each.tuning)
    return max(compared, key=lambda each: each.kept)


def compare_all(references: Sequence[Result], measured: Sequence[Result]) -> list[Choice]:
    """Every candidate at every scale, for the record."""
    retain, original = references
    return [_judged(result, retain, original) for result in measured]


def choose_and_keep(run: "TofuReproduction", forget: str) -> Choice:
    """Choose among the candidates that were measured, and keep the choice for `TofuReproduction.adapted`."""
    measured = measured_candidates(run.work, forget, run.dtype)
    choice = replace(choose(measure_references(run, forget), measured), dtype=run.dtype)
    replace_file(_choice_file(run.work, forget), json.dumps(vars(choice)) + "\n")
    return choice


def measured_references(work: Path, forget: str, dtype: Dtype) -> list[Result]:
    """What `measure_references` kept."""
    return read_results(tuning_folder(work, forget, dtype) / REFERENCES / "results.json")


def measured_candidates(work: Path, forget: str, dtype: Dtype) -> list[Result]:
    """What was measured so far."""
    files = sorted(tuning_folder(work, forget, dtype).glob("*/results.json"))
    return [result for file in files if file.parent.name != REFERENCES for result in read_results(file)]


def kept_choice(work: Path, forget: str) -> Choice | None:
    """What `choose_and_keep` chose; None where nothing was tuned."""
    file = _choice_file(work, forget)
    return Choice(**json.loads(file.read_text())) if file.is_file() else None


def tuning_folder(work: Path, forget: str, dtype: Dtype) -> Path:
    """Where what is measured to tune on a forget set is kept, apart by what models are run in."""
    return work / "tuning" / f"{forget}{dtype_in_name(dtype)}"


def _choice_file(work: Path, forget: str) -> Path:
    return work / "tuning" / forget / "choice.json"


def _judged(result: Result, retain: Result, original: Result) -> Choice:
    name, _, scale = result.model.rpartition(" at ")
    ours, theirs = result.samples[TRUTH_RATIOS], retain.samples[TRUTH_RATIOS]
    before, after = (each.scores["model utility"] for each in (original, result))
    return Choice(
        name,
        float(scale),
        tuning=forget_quality(ours[::2], theirs[::2]).p_value,
        held_out=forget_quality(ours[1::2], theirs[1::2]).p_value,
        whole=forget_quality(ours, theirs).p_value,
        kept=after / before if before else 1.0,
        ratio=median_ratio(result),
    )


def median_ratio(result: Result) -> float:
    """Median truth ratio of the forget questions."""
    return float(np.median(result.samples[TRUTH_RATIOS]))
