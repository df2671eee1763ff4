"""The forgetting losses by name. To add one, add it to the table, and its name to the settings."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from lethe.offline.adapter_training.settings import ForgettingName
from lethe.offline.training.losses import fine_tuning, gradient_ascent, negative_preference


@dataclass(frozen=True)
class AnswerScores:
    """Log-probabilities of the answers' chosen tokens, summed by text.

    Attributes
    ----------
    changed, base
        Shape (texts,). Under the changed and under the base model.
    tokens
        Shape (texts,). How many tokens were summed.
    """

    changed: Tensor
    base: Tensor
    tokens: Tensor


@dataclass(frozen=True)
class ForgettingLoss:
    """One way to forget.

    Attributes
    ----------
    compute
        From the scores of the low-entropy answer tokens, and NPO's beta, to a loss.
    replaces
        The scores are those of another answer that is taught instead, all of its tokens.
    keeps
        The retain cross-entropy belongs to it, at equal weight.
    """

    compute: Callable[[AnswerScores, float], Tensor]
    replaces: bool = False
    keeps: bool = False


def _npo(scores: AnswerScores, beta: float) -> Tensor:
    return negative_preference(scores.changed, scores.base, scores.tokens, beta)


def _ascent(scores: AnswerScores, _beta: float) -> Tensor:
    return gradient_ascent(scores.changed, scores.base, scores.tokens)


def _imitation(scores: AnswerScores, _beta: float) -> Tensor:
    return fine_tuning(scores.changed, scores.base, scores.tokens)


FORGETTING_LOSSES: dict[ForgettingName, ForgettingLoss] = {
    # Zhang et al., arXiv 2404.05868.
    "npo": ForgettingLoss(_npo),
    # Maini et al., arXiv 2401.06121, section 4, for this one and the last.
    "gradient_ascent": ForgettingLoss(_ascent),
    # Liu et al., arXiv 2203.12817.
    "gradient_difference": ForgettingLoss(_ascent, keeps=True),
    "replacement": ForgettingLoss(_imitation, replaces=True),
}
