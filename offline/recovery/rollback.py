"""Rollback: take back a chosen few of a later edit's coordinates. Nothing is trained.

``theta_i <- theta_i - lambda d_i`` on a set S of coordinates. How many (rho) and how far (lambda) is chosen on held-out
examples: what recovers most of the harmed domain while the later domains surely keep what they have to keep. Sure means
that a bootstrap over the examples says so: among many candidates the one that looks best has been lucky.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lethe.offline.recovery.conflict import ATTRIBUTED
from lethe.offline.recovery.settings import RollbackSettings

EVERYTHING = "interpolation"
_DRAWS = 1000
# The score of each of some examples, by domain.
ExampleScores = Mapping[str, Sequence[float]]


class Tried(Protocol):
    """What was tried, with its scores on held-out examples, of the harmed and of every later domain by name.

    `scores` are the means of what `example_scores` has of every example.
    """

    @property
    def scores(self) -> Mapping[str, float]: ...

    @property
    def example_scores(self) -> ExampleScores: ...


_Tried = TypeVar("_Tried", bound=Tried)


@dataclass(frozen=True)
class TriedRollback:
    """One rollback with its scores on held-out examples.

    Attributes
    ----------
    selection
        A name of `conflict.SELECTIONS`, or ``interpolation``: every coordinate.
    share, strength
        rho and lambda.
    scores, example_scores
        Score of the harmed and of every later domain, by name, and of each of its examples.
    seed
        Of a random selection.
    points
        At which the harm was attributed, of a selection that goes by that.
    """

    selection: str
    share: float
    strength: float
    scores: Mapping[str, float]
    example_scores: ExampleScores
    seed: int | None = None
    points: int | None = None


def rolled_back(final: Tensor, edit: Tensor, chosen: Tensor | None, strength: float) -> Tensor:
    """Parameters with part of an edit taken back.

    Parameters
    ----------
    final, edit
        Shape (N,).
    chosen
        Indices of the coordinates; None for all.
    strength
        lambda.
    """
    if chosen is None:
        return final - strength * edit
    vector = final.clone()
    vector[chosen] -= strength * edit[chosen]
    return vector


def grid(
    settings: RollbackSettings, selections: Sequence[str]
) -> Iterable[tuple[str, float, float, int | None, int | None]]:
    """Everything to try, as (selection, rho, lambda, seed of a random selection, points of one that goes by attributed harm)."""
    for selection in selections:
        seed = settings.seed if selection == "random" else None
        points = settings.points if selection in ATTRIBUTED else None
        for share in settings.shares:
            for strength in settings.strengths:
                yield selection, share, strength, seed, points
    for strength in settings.strengths:
        yield EVERYTHING, 1.0, strength, None, None


@dataclass(frozen=True)
class Bound:
    """What has to be kept of the later domains, judged on the held-out examples.

    Attributes
    ----------
    harmed
        Name of the harmed domain.
    before, final
        Scores of every held-out example at the end of its stage and at the end of the chain, of all domains in the order of
        their stages.
    keep
        See `kept`.
    confidence
        How sure that has to be; at 0.5 the estimate itself counts.
    """

    harmed: str
    before: ExampleScores
    final: ExampleScores
    keep: float
    confidence: float

    def surely_kept(self, scores: ExampleScores) -> float:
        """What is kept at least, with the confidence that is asked for: a one-sided bootstrap over the examples of each domain."""
        if self.confidence == 0.5:
            return kept(means(scores), means(self.before), means(self.final), self.harmed)
        drawn = np.full(_DRAWS, np.inf)
        for name, weights in self._resamples.items():
            now, end = (weights @ np.asarray(each[name]) for each in (scores, self.final))
            drawn = np.minimum(drawn, _ratio(now, end))
        newest, weights = list(self._resamples.items())[-1]
        start = weights @ np.asarray(self.before[newest])
        now, end = (weights @ np.asarray(each[newest]) for each in (scores, self.final))
        drawn = np.minimum(drawn, _ratio(now - start, end - start))
        return float(np.quantile(drawn, 1 - self.confidence, method="lower"))

    @cached_property
    def _resamples(self) -> dict[str, NDArray[np.float64]]:
        """By later domain, the weight of each example in each draw, (draws, examples); the same ones for all candidates."""
        generator = np.random.default_rng(0)
        counts = {name: len(scores) for name, scores in self.final.items() if name != self.harmed}
        return {
            name: generator.multinomial(count, np.full(count, 1 / count), _DRAWS) / count
            for name, count in counts.items()
        }


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Elementwise; infinite where there is nothing that could be kept."""
    return np.divide(part, whole, out=np.full_like(part, np.inf), where=whole > 0)


def best(candidates: Iterable[_Tried], bound: Bound) -> _Tried | None:
    """The candidate with the highest score of the harmed domain among those that surely keep enough of the later ones.

    Returns
    -------
    The candidate, or None
        None where nothing is better than to leave the model as it is.
    """
    allowed = [each for each in candidates if bound.surely_kept(each.example_scores) >= bound.keep]
    chosen = max(allowed, key=lambda candidate: candidate.scores[bound.harmed], default=None)
    return chosen if chosen and chosen.scores[bound.harmed] > fmean(bound.final[bound.harmed]) else None


def means(scores: ExampleScores) -> dict[str, float]:
    """The mean score of each domain."""
    return {name: fmean(each) for name, each in scores.items()}


def kept(
    scores: Mapping[str, float], before: Mapping[str, float], final: Mapping[str, float], harmed: str
) -> float:
    """What is kept of the later domains, the least of: the share of each one's score, and of the newest one's gain.

    Parameters
    ----------
    scores, before, final
        Of all domains in the order of their stages: now, at the end of the harmed stage, and at the end of the chain.
    """
    later = [name for name in final if name != harmed]
    shares = [scores[name] / final[name] for name in later if final[name] > 0]
    newest = later[-1]
    gain = final[newest] - before[newest]
    return min([*shares, *([(scores[newest] - before[newest]) / gain] if gain > 0 else [])])


def recovered(score: float, before: float, after: float) -> float | None:
    """Share of the lost score that is back; None where nothing was lost."""
    return (score - after) / (before - after) if before > after else None
