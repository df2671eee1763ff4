"""Rollback: take back a chosen few of a later edit's coordinates. Nothing is trained.

``theta_i <- theta_i - lambda d_i`` on a set S of coordinates. How many (rho) and how far (lambda) is chosen on held-out
examples: what recovers most of the harmed domain while every later domain keeps what it has to keep.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from lethe.offline.recovery.errors import RecoveryError

EVERYTHING = "interpolation"


@dataclass(frozen=True)
class RollbackSettings:
    """What is tried.

    Attributes
    ----------
    shares
        Values of rho, each the share of all coordinates that is rolled back.
    strengths
        Values of lambda; 1 takes the edit back as a whole.
    keep
        Share of its score that every later domain has to keep.
    seed
        Of the random sets; the random control's draws are of this seed and of those that follow it.
    draws
        How often the random control is drawn.
    """

    shares: tuple[float, ...] = (0.001, 0.01, 0.03, 0.1, 0.3)
    strengths: tuple[float, ...] = (0.25, 0.5, 1.0)
    keep: float = 0.95
    seed: int = 0
    draws: int = 5

    def __post_init__(self) -> None:
        if not self.shares or not all(0 < share <= 1 for share in self.shares):
            raise RecoveryError(
                f"rho is a share of the coordinates, above 0 and at most 1, not {self.shares}"
            )
        if not self.strengths or not all(0 < strength <= 1 for strength in self.strengths):
            raise RecoveryError(f"lambda is above 0 and at most 1, not {self.strengths}")
        if not 0 <= self.keep <= 1:
            raise RecoveryError(f"what is to be kept is a share between 0 and 1, not {self.keep}")
        if self.draws < 1:
            raise RecoveryError(f"at least one random control has to be drawn, not {self.draws}")


@dataclass(frozen=True)
class Candidate:
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
    candidates: Iterable[Candidate], harmed: str, final: Mapping[str, float], keep: float
) -> Candidate | None:
    """The candidate with the highest score of the harmed domain among those that keep every later domain.

    Parameters
    ----------
    harmed
        Name of the harmed domain.
    final
        Scores at the end of the chain, on the same held-out examples.
    keep
        See `RollbackSettings`.

    Returns
    -------
    Candidate or None
        None where nothing is better than to leave the model as it is.
    """
    allowed = [
        candidate
        for candidate in candidates
        if all(candidate.scores[name] >= keep * score for name, score in final.items() if name != harmed)
    ]
    chosen = max(allowed, key=lambda candidate: candidate.scores[harmed], default=None)
    return chosen if chosen and chosen.scores[harmed] > final[harmed] else None


def recovered(score: float, before: float, after: float) -> float | None:
    """Share of the lost score that is back; None where nothing was lost."""
    return (score - after) / (before - after) if before > after else None
