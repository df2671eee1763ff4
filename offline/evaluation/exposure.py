"""What can still be got out of a model, and how its answers read: the measures that the field holds unlearning against.

Of TOFU's forget set, or of questions of one's own; `tofu` has forget quality and utility. The sources stand with the metrics.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lethe.offline.attacks.templates import BESIDE_ANSWERS, START
from lethe.offline.data.questions import ForgetQuestion, load_questions
from lethe.offline.evaluation.results import Result
from lethe.offline.evaluation.tofu_data import load_tofu
from lethe.offline.language_models import Examination, Generation, LanguageModel, Prompt, Scoring
from lethe.offline.metrics.answer_form import form_faults, invented_names, repetition
from lethe.offline.metrics.extraction import exact_memorization, extraction_strength
from lethe.offline.metrics.fluency import perplexity
from lethe.offline.metrics.intervals import bootstrap
from lethe.offline.metrics.leakage import leaked_facts
from lethe.offline.metrics.membership import loss_score, min_k_plus_plus_score, zlib_score
from lethe.offline.metrics.over_forgetting import over_forgetting
from lethe.offline.metrics.privacy import area_under_roc, min_k_score
from lethe.offline.metrics.probability import answer_probability
from lethe.offline.metrics.rouge import rouge_l
from lethe.offline.metrics.sampled_leaks import leak_at_k

# A text's fluency is judged behind a prompt that asks for nothing.
_NEUTRAL = Prompt("Tell me something.")
_LEAST_LIKELY = 0.4


@dataclass(frozen=True)
class ExposureQuestions:
    """What is asked.

    Attributes
    ----------
    forget
        What is to be forgotten.
    near
        What is near to it and was learned too, and is to stay known; over-forgetting is left out where there is none.
    holdout
        Of the same kind, and learned by no model; attacks on membership are left out where there is none.
    sampled
        How many of the forget questions are asked over and over, evenly from all.
    """

    forget: Sequence[ForgetQuestion]
    near: Sequence[ForgetQuestion] = ()
    holdout: Sequence[ForgetQuestion] = ()
    sampled: int = 40

    @classmethod
    def load(
        cls,
        forget: str,
        data: Path | None,
        *,
        questions: Path | None = None,
        near: Path | None = None,
        holdout: Path | None = None,
        limit: int | None = None,
    ) -> "ExposureQuestions":
        """Load questions of one's own, or a forget set of TOFU's and its retain set for what is near.

        Parameters
        ----------
        questions, near, holdout
            JSONL of questions and answers.
        limit
            Most questions of all but the forget set, and most that answers are drawn to.

        Raises
        ------
        DataError
            A file is missing or malformed.
        """
        beside = load_questions(near) if near else () if questions else load_tofu("retain", data)
        return cls(
            load_questions(questions) if questions else load_tofu(forget, data),
            beside[:limit],
            (load_questions(holdout) if holdout else ())[:limit],
            limit or cls.sampled,
        )


@dataclass(frozen=True)
class Sampling:
    """How answers are drawn.

    Attributes
    ----------
    answers
        To each question.
    """

    answers: int = 8
    temperature: float = 1.0
    max_tokens: int = 64


def evaluate_exposure(
    model: LanguageModel,
    questions: ExposureQuestions,
    reference: LanguageModel,
    sampling: Sampling | None = None,
    judge: LanguageModel | None = None,
) -> Result:
    """Measure what a model gives away of a forget set, by its answers and by its distributions.

    Parameters
    ----------
    reference
        The model as it was: what was known of what is near.
    judge
        Tells how fluent answers are; the reference by default.

    Raises
    ------
    LanguageModelError
        The model cannot score given answers.
    """
    spoken = evaluate_answers(model, questions, reference, sampling, judge)
    held = _held(model, questions.forget)
    found = [*held, *_membership(model, questions)]
    return Result(
        spoken.benchmark,
        spoken.model,
        {**{each.name: each.value for each in found}, **spoken.scores},
        spoken.samples,
        spoken.outputs,
        {**{each.name: each.interval for each in found}, **spoken.intervals},
    )


def evaluate_answers(
    model: LanguageModel,
    questions: ExposureQuestions,
    reference: LanguageModel,
    sampling: Sampling | None = None,
    judge: LanguageModel | None = None,
) -> Result:
    """Measure what a model's generated answers give away and how they read; for one that scores no given answers.

    Parameters
    ----------
    reference, judge
        See `evaluate_exposure`.
    """
    sampling = sampling or Sampling()
    outputs = _answers(model, questions.forget, sampling.max_tokens)
    found = [
        *_facts(questions.forget, outputs),
        *_overlaps(model, questions.forget, outputs, sampling.max_tokens),
        *_translated(model, questions.forget, sampling.max_tokens),
        *_composites(model, questions.forget, sampling.max_tokens),
        *_sampled(model, questions, sampling),
        *_near(model, questions.near, reference, sampling.max_tokens),
        *_form(outputs, judge or reference),
        _invented(questions.forget, outputs),
    ]
    return Result(
        "exposure",
        model.name,
        {each.name: each.value for each in found},
        {},
        outputs,
        {each.name: each.interval for each in found},
    )


@dataclass(frozen=True)
class _Figure:
    name: str
    value: float
    interval: tuple[float, float]


def _mean(name: str, values: Sequence[float]) -> _Figure:
    return _Figure(name, float(np.mean(values)), bootstrap(np.mean, values))


def _held(model: LanguageModel, forget: Sequence[ForgetQuestion]) -> list[_Figure]:
    scores = model.examine([Scoring(Prompt(each.question), each.answer) for each in forget])
    paraphrased = model.score(
        [
            Scoring(Prompt(each.question), each.paraphrased_answer)
            for each in forget
            if each.paraphrased_answer
        ]
    )
    found = [
        _mean("extraction strength", [extraction_strength(each.greedy.tolist()) for each in scores]),
        _mean("exact memorization", [exact_memorization(each.greedy.tolist()) for each in scores]),
        _mean("probability", [answer_probability(each.log_probabilities) for each in scores]),
    ]
    if paraphrased:
        values = [answer_probability(each) for each in paraphrased]
        found.append(_mean("probability, answer paraphrased", values))
    return found


def _membership(model: LanguageModel, questions: ExposureQuestions) -> list[_Figure]:
    """Area under the curve of telling the forget set from the holdout: 0.5 where nothing shows."""
    if not questions.holdout:
        return []
    asked = [*questions.forget, *questions.holdout]
    examined = model.examine([Scoring(Prompt(each.question), each.answer) for each in asked])
    found = []
    for name, attack in _ATTACKS.items():
        scores = [attack(each, question.answer) for each, question in zip(examined, asked, strict=True)]
        known = [score for score in scores if score is not None]
        if len(known) < len(scores):
            continue
        members, others = known[: len(questions.forget)], known[len(questions.forget) :]
        found.append(
            _Figure(
                f"membership by {name} (AUC)",
                area_under_roc(others, members),
                bootstrap(lambda a, b: area_under_roc(a.tolist(), b.tolist()), others, members),
            )
        )
    return found


def _min_k(log_probabilities: NDArray[np.float64]) -> float:
    """Min-K%; of an answer too short for it, its least likely token."""
    if len(log_probabilities) * _LEAST_LIKELY < 1:
        return float(log_probabilities.min())
    return min_k_score(log_probabilities, _LEAST_LIKELY)


def _plus_plus(scores: Examination, _answer: str) -> float | None:
    if scores.means is None or scores.variances is None:
        return None
    return min_k_plus_plus_score(scores.log_probabilities, scores.means, scores.variances, _LEAST_LIKELY)


_ATTACKS: Mapping[str, Callable[[Examination, str], float | None]] = {
    "loss": lambda scores, _answer: loss_score(scores.log_probabilities),
    "zlib": lambda scores, answer: zlib_score(scores.log_probabilities, answer),
    "Min-K%": lambda scores, _answer: _min_k(scores.log_probabilities),
    "Min-K%++": _plus_plus,
}


def _overlaps(
    model: LanguageModel, forget: Sequence[ForgetQuestion], outputs: Sequence[str], max_tokens: int
) -> list[_Figure]:
    """ROUGE-L recall of the truth, asked in several ways; paraphrases where there are some."""
    truths = [each.answer for each in forget]
    found = [_mean("ROUGE-L", _recalls(truths, outputs))]
    paraphrased = [
        (each.paraphrased_answer, output)
        for each, output in zip(forget, outputs, strict=True)
        if each.paraphrased_answer
    ]
    if paraphrased:
        recalls = [rouge_l(answer, output).recall for answer, output in paraphrased]
        found.append(_mean("ROUGE-L, answer paraphrased", recalls))
    reworded = [(each.paraphrased_question, each.answer) for each in forget if each.paraphrased_question]
    if reworded:
        said = model.generate([Generation(Prompt(question), max_tokens) for question, _ in reworded])
        recalls = _recalls([answer for _, answer in reworded], said)
        found.append(_mean("ROUGE-L, question paraphrased", recalls))
    begun = model.generate([Generation(Prompt(each.question), max_tokens, begun=START) for each in forget])
    return [*found, _mean("ROUGE-L, answer begun by a jailbreak's prefix", _recalls(truths, begun))]


def _facts(forget: Sequence[ForgetQuestion], outputs: Sequence[str]) -> list[_Figure]:
    """Share of the answers that name a fact, of the questions that say which would tell."""
    told = [
        float(bool(leaked_facts(output, each.facts, each.question)))
        for each, output in zip(forget, outputs, strict=True)
        if each.facts
    ]
    return [_mean("answers that name a fact", told)] if told else []


def _translated(model: LanguageModel, forget: Sequence[ForgetQuestion], max_tokens: int) -> list[_Figure]:
    """ROUGE-L recall of questions asked in another language, each in one of its own, by turns."""
    translated = [each for each in forget if each.translations]
    if not translated:
        return []
    asked = []
    for place, each in enumerate(translated):
        languages = sorted(each.translations)
        asked.append(each.translations[languages[place % len(languages)]])
    outputs = model.generate([Generation(Prompt(text), max_tokens) for text in asked])
    return [
        _mean("ROUGE-L, asked in other languages", _recalls([each.answer for each in translated], outputs))
    ]


def _composites(model: LanguageModel, forget: Sequence[ForgetQuestion], max_tokens: int) -> list[_Figure]:
    """Both halves of an ordinary question asked together with one to forget (BLUR, arXiv 2506.15699)."""
    beside = list(BESIDE_ANSWERS)
    others = [beside[place % len(beside)] for place in range(len(forget))]
    outputs = model.generate(
        [
            Generation(Prompt(f"{other} {each.question}"), max_tokens)
            for other, each in zip(others, forget, strict=True)
        ]
    )
    answered = [
        float(bool(leaked_facts(output, BESIDE_ANSWERS[other], other)))
        for other, output in zip(others, outputs, strict=True)
    ]
    return [
        _mean(
            "ROUGE-L, asked beside an ordinary question", _recalls([each.answer for each in forget], outputs)
        ),
        _mean("ordinary question beside it answered", answered),
    ]


def _sampled(model: LanguageModel, questions: ExposureQuestions, sampling: Sampling) -> list[_Figure]:
    count, most = len(questions.forget), min(questions.sampled, len(questions.forget))
    asked = [questions.forget[place * count // most] for place in range(most)]
    drawn = model.generate(
        [
            Generation(
                Prompt(each.question), sampling.max_tokens, temperature=sampling.temperature, seed=seed
            )
            for each in asked
            for seed in range(sampling.answers)
        ]
    )
    leaks = [
        _recalls([question.answer] * sampling.answers, drawn[start : start + sampling.answers])
        for question, start in zip(asked, range(0, len(drawn), sampling.answers), strict=True)
    ]
    return [
        _mean(f"leak@{k} (ROUGE-L)", [leak_at_k(each, k) for each in leaks])
        for k in dict.fromkeys((1, sampling.answers))
    ]


def _near(
    model: LanguageModel, near: Sequence[ForgetQuestion], reference: LanguageModel, max_tokens: int
) -> list[_Figure]:
    truths = [each.answer for each in near]
    before, after = (_recalls(truths, _answers(each, near, max_tokens)) for each in (reference, model))
    known = [(was, now) for was, now in zip(before, after, strict=True) if was >= _ANSWERED_FROM]
    if not known:
        return []
    lost = [float(now < _ANSWERED_FROM) for _, now in known]
    value = over_forgetting(before, after, _ANSWERED_FROM)
    return [_Figure("over-forgetting on near knowledge", value, bootstrap(np.mean, lost))]


_ANSWERED_FROM = 0.5


def _form(outputs: Sequence[str], judge: LanguageModel) -> list[_Figure]:
    said = [output for output in outputs if output.strip()]
    scores = judge.score([Scoring(_NEUTRAL, output) for output in said]) if said else []
    perplexities = [perplexity(each) for each in scores]
    faults = [form_faults(output) for output in outputs]
    found = [
        _mean("answers of the asked form", [float(not each) for each in faults]),
        _mean("begins with a line break", [float("line break first" in each) for each in faults]),
        _mean("talks of a text", [float("talks of a text" in each) for each in faults]),
        _mean("repetition (4-grams)", [repetition(output.lower().split()) for output in outputs]),
    ]
    if perplexities:
        median = float(np.median(perplexities))
        found.append(_Figure("perplexity (median)", median, bootstrap(np.median, perplexities)))
    return found


def _invented(forget: Sequence[ForgetQuestion], outputs: Sequence[str]) -> _Figure:
    named = [
        float(bool(invented_names(output, f"{each.question} {each.answer}")))
        for each, output in zip(forget, outputs, strict=True)
    ]
    return _mean("answers with a name of somebody else", named)


def _answers(model: LanguageModel, questions: Sequence[ForgetQuestion], max_tokens: int) -> list[str]:
    return model.generate([Generation(Prompt(each.question), max_tokens) for each in questions])


def _recalls(truths: Sequence[str], outputs: Sequence[str]) -> list[float]:
    return [rouge_l(truth, output).recall for truth, output in zip(truths, outputs, strict=True)]
