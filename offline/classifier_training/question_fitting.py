"""Fitting what judges questions by their embedding alone, and from which score on it may flag them.

It is fitted on whole prompts as they are. Other forms of them, stretches of long text and nonsense made of them teach the
head what a long text may hold; here they cost a part of the descriptions that are found.
"""

import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.facts import FactBank, Facts
from lethe.classifier.questions import LONGEST_QUESTION, QuestionWeights
from lethe.classifier.text.canonical import canonicalise
from lethe.offline.classifier_training.conformal import false_positive_threshold
from lethe.offline.classifier_training.embeddings import EmbeddingStore, Stretch
from lethe.offline.classifier_training.example_set import ExampleSet
from lethe.offline.classifier_training.examples import Example
from lethe.offline.classifier_training.fitting import repeat_log_odds, token_sums
from lethe.offline.classifier_training.logistic import LinearModel, fit_logistic
from lethe.offline.classifier_training.settings import TrainingSettings

# Sides of a set of questions.
_FORGET, _NEAR, ORDINARY = range(3)
_STRENGTH = 1.0
# How far its first tier is held back, and what this spares of ordinary questions.
_GATE_NORM = 1000.0
_SPARED = 0.85
# Of the weight of all negatives, what those near the target have.
_NEAR_SHARE = 0.6
# Of ordinary questions, what may be flagged for their embedding alone. A thousand ordinary prompts do not show so little, and there
# are questions that they have none like, so it is taken from the tail of the highest of their scores.
_FLAGGED = 0.0002
# Where sentences tell of the target, their words say more of a question than what its embedding is like, and fewer that have none like
# them among our own are flagged. Ours may also be about a wide target, without a name of it.
_FLAGGED_TOLD = 0.0005
_IN_TAIL = 20
# Where prompts near the target are few, nearly all of the others are needed to say how each scores.
_FOLDS, _FOLDS_OF_FEW, _FEW = 3, 20, 200
# Negatives beside those near the target that these folds are fitted on.
_OTHERS_IN_FOLDS = 3000
# Random sentences and stretches of ordinary text to fit on.
_OTHERS = 6000


@dataclass(frozen=True)
class QuestionSet:
    """Prompts and other texts no longer than a question, with their embeddings.

    Attributes
    ----------
    texts
        N texts: to forget, near, ordinary, others.
    embeddings
        (N, dimension).
    side
        (N,) which of these each text is, as 0 to 3.
    groups
        Of each prompt.
    """

    texts: Sequence[str]
    embeddings: NDArray[np.float32]
    side: NDArray[np.int64]
    groups: Sequence[str]


def question_set(
    store: EmbeddingStore, examples: ExampleSet, others: Sequence[str], seed: int
) -> QuestionSet | None:
    """The short ones of examples and of other ordinary texts; None where a class has none.

    Parameters
    ----------
    others
        Texts of any kind, which are embedded already.
    """
    sides = [_short(side) for side in (examples.forget, examples.retain, examples.general)]
    if not all(sides):
        return None
    chosen = sorted({text for text in others if len(text) <= LONGEST_QUESTION})
    chosen = random.Random(seed).sample(chosen, min(len(chosen), _OTHERS))
    sides.append([(text, text) for text in chosen])
    texts = [text for side in sides for text, _ in side]
    groups = [group for side in sides for _, group in side]
    embeddings = store.embed_stretches([Stretch.whole(text) for text in texts])
    return QuestionSet(texts, embeddings, np.repeat(range(4), [len(side) for side in sides]), groups)


def fit_questions(
    encoder: Encoder, questions: QuestionSet, settings: TrainingSettings, facts: Facts | None = None
) -> QuestionWeights:
    """Fit what judges questions; those that may be flagged score 0 and more.

    The threshold is by what each fold of prompts scores by a fit without it: at most the wanted rate of those near the
    target, and few ordinary ones. With facts it is by the sum of both scores: if either could flag alone, each would use up the rate.

    Parameters
    ----------
    facts
        Those of the target, with 0 as their least; no fold knows them.
    """
    every = np.ones(len(questions.side), bool)
    model = _fit(questions, every)
    log_odds = questions.embeddings @ model.dense_weights.astype(np.float32) + np.float32(model.bias)
    near, ordinary = _held_out_scores(questions, settings)
    threshold = _threshold(near, ordinary, settings, _FLAGGED)
    if facts:
        told = _told(questions, facts)
        near, ordinary = (
            side.with_added(told[questions.side == number])
            for side, number in ((near, _NEAR), (ordinary, ORDINARY))
        )
        facts = replace(facts, least=_threshold(near, ordinary, settings, _FLAGGED_TOLD) - threshold)
        log_odds = log_odds + told - facts.least
    tokens = [encoder.tokenize(text).ids for text in questions.texts]
    labels, weights = (questions.side == _FORGET).astype(np.int64), _weights(questions.side)
    gate = repeat_log_odds(encoder, tokens, log_odds, labels, weights, (), norm=_GATE_NORM)
    asked = [tokens[row] for row in np.flatnonzero(questions.side == ORDINARY)]
    gated = token_sums(encoder, asked) @ gate.direction + gate.bias
    return QuestionWeights(
        model.dense_weights.astype(np.float32),
        model.bias - threshold,
        gate.direction,
        gate.bias,
        float(np.quantile(gated, _SPARED, method="inverted_cdf")),
        facts,
    )


def _told(questions: QuestionSet, facts: Facts) -> NDArray[np.float32]:
    """What each text scores by facts, (N,)."""
    bank = FactBank([facts])
    found = [bank.scores(*each)[0] for each in zip(questions.embeddings, questions.texts, strict=True)]
    return np.array(found, np.float32)


def _short(examples: Sequence[Example]) -> list[tuple[str, str]]:
    """Those no longer than a question as readings have them, each with its group."""
    canonical = [(canonicalise(example.text).text, example.group or example.text) for example in examples]
    return [(text, group) for text, group in canonical if text.strip() and len(text) <= LONGEST_QUESTION]


def _fit(questions: QuestionSet, rows: NDArray[np.bool_]) -> LinearModel:
    side, embeddings = questions.side[rows], questions.embeddings[rows]
    labels = (side == _FORGET).astype(np.int64)
    return fit_logistic(embeddings, sparse.csr_matrix((len(side), 0)), labels, _weights(side), _STRENGTH)


def _weights(side: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sample weights, (N,), in which prompts near the target have their share of all negatives."""
    near, others = side == _NEAR, side > _NEAR
    weights = np.ones(len(side))
    weights[near] = _NEAR_SHARE / (1 - _NEAR_SHARE) * max(others.sum(), 1) / max(near.sum(), 1)
    return weights


@dataclass(frozen=True)
class _HeldOut:
    """Scores of a side's texts, (N,), each by a fit without all of its group, and how many texts its group has, (N,)."""

    scores: NDArray[np.float64]
    sizes: NDArray[np.float64]

    def with_added(self, scores: NDArray[np.float32]) -> "_HeldOut":
        return replace(self, scores=self.scores + scores)


def _held_out_scores(questions: QuestionSet, settings: TrainingSettings) -> tuple[_HeldOut, _HeldOut]:
    """Those of prompts near the target, and of ordinary ones."""
    folds = _FOLDS_OF_FEW if np.sum(questions.side == _NEAR) < _FEW else _FOLDS
    return (
        _held_out_side(questions, _NEAR, folds, settings.seed),
        _held_out_side(questions, ORDINARY, _FOLDS, settings.seed),
    )


def _threshold(near: _HeldOut, ordinary: _HeldOut, settings: TrainingSettings, flagged: float) -> float:
    """The score from which on the wanted shares of prompts near the target and of ordinary ones are flagged."""
    return max(
        false_positive_threshold(near.scores, 1 / near.sizes, settings.near_false_positive_rate),
        _tail_threshold(ordinary.scores, flagged),
    )


def _tail_threshold(scores: NDArray[np.float64], share: float) -> float:
    """The score that this share reaches, where scores fall off exponentially beyond a high one; see `lethe.classifier.tail`."""
    beyond = np.sort(scores)[::-1][: _IN_TAIL + 1]
    start = float(beyond[-1])
    scale = float(np.mean(beyond[:-1] - start)) if len(beyond) > 1 else 0.0
    return start + scale * math.log(max((len(beyond) - 1) / len(scores) / share, 1))


def _held_out_side(questions: QuestionSet, side: int, folds: int, seed: int) -> _HeldOut:
    (rows,) = np.nonzero(questions.side == side)
    groups = [questions.groups[int(row)] for row in rows]
    sizes = Counter(groups)
    order = sorted(set(groups))
    random.Random(seed).shuffle(order)
    fold_of = {group: place % folds for place, group in enumerate(order)}
    fold = np.array([fold_of[group] for group in groups])
    drawn = np.random.default_rng(seed).random(len(questions.side))
    others = questions.side > _NEAR
    kept = ~others | (drawn < _OTHERS_IN_FOLDS / max(others.sum(), 1))
    scores = np.empty(len(rows))
    for number in sorted(set(fold_of.values())):
        held_out = fold == number
        fitted_on = kept.copy()
        fitted_on[rows[held_out]] = False
        model = _fit(questions, fitted_on)
        scores[held_out] = questions.embeddings[rows[held_out]] @ model.dense_weights + model.bias
    return _HeldOut(scores, np.array([float(sizes[group]) for group in groups]))
