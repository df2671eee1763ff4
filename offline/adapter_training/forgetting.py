"""The forgetting losses by name. To add one, add it to the table, and its name to the settings."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lethe.offline.adapter_training.settings import AdapterTrainingSettings, ForgettingName
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
    changed_log_p, base_log_p
        Shape (n, vocabulary). Log-probabilities of every token at the n places that were summed.
    chosen
        Shape (n,). The tokens that stand there.
    """

    changed: Tensor
    base: Tensor
    tokens: Tensor
    changed_log_p: Tensor
    base_log_p: Tensor
    chosen: Tensor


@dataclass(frozen=True)
class ForgettingLoss:
    """One way to forget.

    Attributes
    ----------
    compute
        From the scores of the low-entropy answer tokens to a loss.
    replaces
        The scores are those of another answer that is taught instead, all of its tokens.
    keeps
        The retain cross-entropy belongs to it, at equal weight.
    corrupts
        The base model's scores are those behind a corrupted question, of all of the answer's tokens.
    recalls
        They are those of an earlier model, of all of the answer's tokens.
    """

    compute: Callable[[AnswerScores, AdapterTrainingSettings], Tensor]
    replaces: bool = False
    keeps: bool = False
    corrupts: bool = False
    recalls: bool = False


def _npo(scores: AnswerScores, settings: AdapterTrainingSettings) -> Tensor:
    return negative_preference(scores.changed, scores.base, scores.tokens, settings.npo_beta)


def _ascent(scores: AnswerScores, _settings: AdapterTrainingSettings) -> Tensor:
    return gradient_ascent(scores.changed, scores.base, scores.tokens)


def _imitation(scores: AnswerScores, _settings: AdapterTrainingSettings) -> Tensor:
    return fine_tuning(scores.changed, scores.base, scores.tokens)


def _self_distillation(scores: AnswerScores, settings: AdapterTrainingSettings) -> Tensor:
    """KL from the base model's own distribution, in which the true token is lowered; it has an end, as NPO has not."""
    places = torch.arange(len(scores.chosen), device=scores.chosen.device)
    lowered = scores.base_log_p.index_put(
        (places, scores.chosen), scores.changed.new_tensor(-settings.logit_margin), accumulate=True
    ).log_softmax(dim=1)
    return _divergence(lowered, scores.changed_log_p)


def _as_taught(scores: AnswerScores, _settings: AdapterTrainingSettings) -> Tensor:
    return _divergence(scores.base_log_p, scores.changed_log_p)


def _divergence(expected: Tensor, found: Tensor) -> Tensor:
    """Mean KL(expected || found) over n places, each of shape (n, vocabulary); zero with a gradient where there are none."""
    return (expected.exp() * (expected - found)).sum() / max(1, len(expected))


FORGETTING_LOSSES: dict[ForgettingName, ForgettingLoss] = {
    # Zhang et al., arXiv 2404.05868.
    "npo": ForgettingLoss(_npo),
    # Maini et al., arXiv 2401.06121, section 4, for this one and the last.
    "gradient_ascent": ForgettingLoss(_ascent),
    # Liu et al., arXiv 2203.12817.
    "gradient_difference": ForgettingLoss(_ascent, keeps=True),
    "replacement": ForgettingLoss(_imitation, replaces=True),
    # UNDIAL: Dong et al., arXiv 2402.10052, equation 3.
    "self_distillation": ForgettingLoss(_self_distillation),
    # Ours: the adapter learns what ECO's corruption of the question does to the answer.
    "corruption": ForgettingLoss(_as_taught, corrupts=True),
    # Ours: or what was expected of the answer before it was learned.
    "earlier_model": ForgettingLoss(_as_taught, recalls=True),
}
