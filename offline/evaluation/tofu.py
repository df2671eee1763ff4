"""TOFU: is the forget set forgotten, and is the rest as it was (Maini et al., arXiv 2401.06121)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.evaluation.results import Result
from lethe.offline.evaluation.tofu_data import load_tofu
from lethe.offline.language_models import Generation, LanguageModel, Prompt, Scoring
from lethe.offline.metrics.forget_quality import forget_quality
from lethe.offline.metrics.intervals import bootstrap
from lethe.offline.metrics.model_utility import UTILITY_SETS, UtilityScores, model_utility
from lethe.offline.metrics.probability import mean_log_probability, normalized_probability
from lethe.offline.metrics.rouge import rouge_l
from lethe.offline.metrics.truth_ratio import truth_ratio, truthfulness

TRUTH_RATIOS = "forget truth ratio"


@dataclass(frozen=True)
class TofuQuestions:
    """The questions to score: a forget set and the three sets of the model utility."""

    forget: Sequence[ForgetQuestion]
    utility: Mapping[str, Sequence[ForgetQuestion]]

    @classmethod
    def load(cls, forget: str, data: Path | None, limit: int | None = None) -> "TofuQuestions":
        """Load them, at most `limit` of each utility set.

        Raises
        ------
        DataError
            A file is missing or malformed.
        """
        return cls(load_tofu(forget, data), {name: load_tofu(name, data)[:limit] for name in UTILITY_SETS})


def evaluate_tofu(
    model: LanguageModel, questions: TofuQuestions, max_tokens: int = 64, *, answers_forgotten: bool = True
) -> Result:
    """Score a model on TOFU.

    The forget quality needs a retain model's truth ratios; `compare_with_retain` adds it. Unless the model `answers_forgotten`
    questions too, their answers on offer are scored alone, without ROUGE-L.
    """
    forget = _score_set(
        model, questions.forget, shares=False, max_tokens=max_tokens, answered=answers_forgotten
    )
    sets = {
        name: _score_set(model, questions.utility[name], shares=name != "retain", max_tokens=max_tokens)
        for name in UTILITY_SETS
    }
    by_question = {
        "forget probability": forget.probabilities,
        **({"forget ROUGE-L": forget.overlaps} if answers_forgotten else {}),
        "forget truth ratio (mean)": forget.ratios,
    }
    for name, scored in sets.items():
        label = name.replace("_", " ")
        by_question[f"{label} probability"] = scored.probabilities
        by_question[f"{label} ROUGE-L"] = scored.overlaps
        by_question[f"{label} truthfulness"] = scored.truths
    utility = model_utility({name: scored.means() for name, scored in sets.items()})
    means = {name: float(np.mean(values)) for name, values in by_question.items()}
    # The forget set's first, then what sums up the others.
    forgotten = {name: value for name, value in means.items() if name.startswith("forget")}
    scores = {**forgotten, "model utility": utility, **means}
    intervals = {name: bootstrap(np.mean, values) for name, values in by_question.items()}
    intervals["model utility"] = _utility_interval(sets)
    return Result("tofu", model.name, scores, {TRUTH_RATIOS: forget.ratios}, forget.outputs, intervals)


def compare_with_retain(result: Result, retain: Result) -> Result:
    """Add the forget quality: the p-value against a model that never saw the forget set."""
    quality = forget_quality(result.samples[TRUTH_RATIOS], retain.samples[TRUTH_RATIOS])
    added = {"forget quality (p)": quality.p_value, "KS distance": quality.statistic}
    return replace(result, scores={**added, **result.scores})


@dataclass(frozen=True)
class _SetScores:
    """Of one set, each by question."""

    probabilities: list[float]
    overlaps: list[float]
    ratios: list[float]
    outputs: list[str]

    @property
    def truths(self) -> list[float]:
        return [truthfulness(ratio) for ratio in self.ratios]

    def means(self, chosen: NDArray[np.int_] | slice = slice(None)) -> UtilityScores:
        """Over the chosen questions, all by default."""
        by_question = np.array([self.probabilities, self.overlaps, self.truths])  # (3, questions)
        return UtilityScores(*by_question[:, chosen].mean(axis=1).tolist())


def _utility_interval(sets: Mapping[str, _SetScores], rounds: int = 1000) -> tuple[float, float]:
    """The 95 % percentile interval of the model utility, the questions of every set drawn anew; see `metrics.intervals`."""
    random = np.random.default_rng(0)
    counts = {name: len(scored.ratios) for name, scored in sets.items()}
    drawn = [
        model_utility(
            {
                name: scored.means(random.integers(counts[name], size=counts[name]))
                for name, scored in sets.items()
            }
        )
        for _ in range(rounds)
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def _score_set(
    model: LanguageModel,
    questions: Sequence[ForgetQuestion],
    *,
    shares: bool,
    max_tokens: int,
    answered: bool = True,
) -> _SetScores:
    """Score one set; `shares` takes the true answer's share among the answers on offer for its probability.

    Unless the questions are to be `answered`, there are no outputs and no overlaps.
    """
    tasks = [
        [Scoring(Prompt(question.question), answer) for answer in _answers(question)]
        for question in questions
    ]
    scores = iter(model.score([task for group in tasks for task in group]))
    probabilities, ratios = [], []
    for group in tasks:
        true, paraphrased, *wrong = [mean_log_probability(next(scores)) for _ in group]
        alternatives = np.exp(wrong).tolist()
        probability = float(np.exp(true))
        probabilities.append(normalized_probability(probability, alternatives) if shares else probability)
        ratios.append(truth_ratio(paraphrased, wrong))
    asked = questions if answered else ()
    outputs = model.generate([Generation(Prompt(question.question), max_tokens) for question in asked])
    overlaps = [rouge_l(q.answer, output).recall for q, output in zip(asked, outputs, strict=True)]
    return _SetScores(probabilities, overlaps, ratios, outputs)


def _answers(question: ForgetQuestion) -> list[str]:
    return [question.answer, question.paraphrased_answer or question.answer, *question.wrong_answers]
