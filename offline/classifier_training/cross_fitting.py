"""Scores of all that is to be kept, each by a head that was not fitted on it.

One part of a split holds few kinds of prompts, and the wanted rate of false positives stands on the highest few of its
scores: one template that happens to fall into it can decide. Here every group is scored, by heads that differ in what they
were fitted on (cross-fitting; Vovk, "Cross-conformal predictors", Annals of Mathematics and Artificial Intelligence 2015).
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lethe.offline.classifier_training.cores import OnDone, on_all_cores, tell_nobody
from lethe.offline.classifier_training.example_set import ExampleSet
from lethe.offline.classifier_training.examples import Example

# Scores of the forms in which an example is held out, by a head.
ScoreForms = Callable[[Example], list[float]]

# Given the number of a fold, from 1, and what scores its groups; gives their scores.
RunFold = Callable[[int, Callable[[], "KeptScores"]], "KeptScores"]

# Of a template's hundred prompts a few say how it scores.
_OF_A_GROUP = 8


@dataclass(frozen=True)
class GroupedScores:
    """Scores of texts, in which every group counts once, however many texts it has.

    Attributes
    ----------
    scores
        (N,) log-odds.
    weights
        (N,) that add up to one for each group.
    """

    scores: NDArray[np.float32]
    weights: NDArray[np.float64]

    @classmethod
    def join(cls, parts: Iterable["GroupedScores"]) -> "GroupedScores":
        """All of them, where no group is in two parts."""
        parts = list(parts)
        return cls(
            np.concatenate([part.scores for part in parts]), np.concatenate([part.weights for part in parts])
        )

    @property
    def groups(self) -> int:
        return round(float(self.weights.sum()))

    def rate_from(self, threshold: float) -> float:
        """The share that scores at least `threshold`."""
        return float(np.average(self.scores >= threshold, weights=self.weights))


@dataclass(frozen=True)
class KeptScores:
    """Scores of what is to be kept: near the target though allowed, and ordinary."""

    retain: GroupedScores
    general: GroupedScores


def cross_fitted_scores(
    examples: ExampleSet,
    fit: Callable[[ExampleSet], ScoreForms],
    folds: int,
    seed: int,
    run_fold: RunFold = lambda _fold, score: score(),
    on_scored: OnDone = tell_nobody,
) -> KeptScores:
    """Score every group to be kept by a head fitted on the prompts to forget and on the other folds.

    Parameters
    ----------
    fit
        Fits a head to examples, and gives what scores others by it, from several threads.
    run_fold
        Runs a fold, or knows its scores.
    """
    groups = sorted({example.group for example in examples.keep})
    random.Random(seed).shuffle(groups)
    scores: list[KeptScores] = []
    for fold in range(folds):
        held_out = set(groups[fold::folds])

        def score_fold(held_out: Set[str] = held_out) -> KeptScores:
            score = fit(examples.keeping(set(groups) - held_out))
            return score_kept_groups(score, examples.keeping(held_out), seed, on_scored)

        scores.append(run_fold(fold + 1, score_fold))
    return KeptScores(
        GroupedScores.join(each.retain for each in scores),
        GroupedScores.join(each.general for each in scores),
    )


def score_kept_groups(
    score: ScoreForms,
    examples: ExampleSet,
    seed: int,
    on_scored: OnDone = tell_nobody,
) -> KeptScores:
    """Score a few examples of each group to be kept."""
    sides = [_chosen(side, seed) for side in (examples.retain, examples.general)]
    chosen = [example for side in sides for example in side]
    found = on_all_cores(score, chosen, on_scored)
    near = len(sides[0])
    return KeptScores(_grouped(sides[0], found[:near]), _grouped(sides[1], found[near:]))


def _chosen(examples: Sequence[Example], seed: int) -> list[Example]:
    """A few examples of each group."""
    groups: dict[str, list[Example]] = {}
    for example in examples:
        groups.setdefault(example.group, []).append(example)
    return [
        example
        for group, members in groups.items()
        for example in random.Random(f"{seed}:{group}").sample(members, min(_OF_A_GROUP, len(members)))
    ]


def _grouped(examples: Sequence[Example], found: Sequence[list[float]]) -> GroupedScores:
    """The scores of examples in all their forms, every group weighing one."""
    sizes = Counter[str]()
    for example, scores in zip(examples, found, strict=True):
        sizes[example.group] += len(scores)
    weights = [1 / sizes[e.group] for e, scores in zip(examples, found, strict=True) for _ in scores]
    return GroupedScores(
        np.array([each for scores in found for each in scores], np.float32), np.array(weights)
    )
