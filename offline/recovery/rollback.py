"""Rollback: take back a chosen few of a later edit's coordinates. Nothing is trained.

``theta_i <- theta_i - lambda d_i`` on a set S of coordinates. How many (rho) and how far (lambda) is chosen on held-out
examples: what recovers most of the harmed domain while the later domains keep what they have to keep.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from torch import Tensor

from lethe.offline.recovery.settings import RollbackSettings

EVERYTHING = "interpolation"


class Tried(Protocol):
    """What was tried, with its scores on held-out examples, of the harmed and of every later domain by name."""

    @property
    def scores(self) -> Mapping[str, float]: ...


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
    scores
        Score of the harmed and of every later domain, by name.
    seed
        Of a random selection.
    """

    selection: str
    share: float
    strength: float
    scores: Mapping[str, float]
    seed: int | None = None


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
) -> Iterable[tuple[str, float, float, int | None]]:
    """Everything to try, as (selection, rho, lambda, seed of a random selection)."""
    for selection in selections:
        seed = settings.seed if selection == "random" else None
        for share in settings.shares:
            for strength in settings.strengths:
                yield selection, share, strength, seed
    for strength in settings.strengths:
        yield EVERYTHING, 1.0, strength, None


def best(
    candidates: Iterable[_Tried],
    harmed: str,
    before: Mapping[str, float],
    final: Mapping[str, float],
    keep: float,
) -> _Tried | None:
    """The candidate with the highest score of the harmed domain among those that keep enough of the later ones.

    Parameters
    ----------
    harmed
        Name of the harmed domain.
    before, final
        Scores at the end of its stage and at the end of the chain, on the same held-out examples.
    keep
        See `kept`.

    Returns
    -------
    The candidate, or None
        None where nothing is better than to leave the model as it is.
    """
    allowed = [each for each in candidates if kept(each.scores, before, final, harmed) >= keep]
    chosen = max(allowed, key=lambda candidate: candidate.scores[harmed], default=None)
    return chosen if chosen and chosen.scores[harmed] > final[harmed] else None


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
