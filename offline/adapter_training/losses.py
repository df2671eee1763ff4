"""What ALTER's two phases minimise (arXiv 2603.01792), from the scores of the changed and of the base model."""

from torch import Tensor

from lethe.offline.adapter_training.batches import Batch, TokenScores
from lethe.offline.adapter_training.forgetting import FORGETTING_LOSSES, AnswerScores
from lethe.offline.adapter_training.settings import AdapterTrainingSettings


def shared_loss(
    changed: TokenScores,
    base: TokenScores,
    batch: Batch,
    _settings: AdapterTrainingSettings,
    _taught: TokenScores | None = None,
) -> dict[str, Tensor]:
    """Phase I: cross-entropy and KL to the base model at the high-entropy tokens.

    Returns
    -------
    dict of str to Tensor
        The terms, each weighted; what is minimised is their sum.
    """
    high = batch.positions["high"][batch.read]
    return {
        "cross_entropy": -_mean(changed.taken[high]),
        "divergence": _divergence(changed, base, high),
    }


def layered_loss(
    changed: TokenScores,
    base: TokenScores,
    batch: Batch,
    settings: AdapterTrainingSettings,
    taught: TokenScores | None = None,
) -> dict[str, Tensor]:
    """Phase II: forgetting, retention and structural invariance.

    Parameters
    ----------
    taught
        A teacher's scores of the tokens to forget, for a loss that learns from one.

    Returns
    -------
    dict of str to Tensor
        The terms, each weighted; what is minimised is their sum.
    """
    chosen = FORGETTING_LOSSES[settings.forgetting]
    kept, high = (batch.positions[name][batch.read] for name in ("retain", "high"))
    retention = -_mean(changed.taken[kept])
    expected = taught or base.of(batch.positions["forget"][batch.read])
    forgetting = chosen.compute(_answer_scores(changed, expected, batch), settings)
    if chosen.keeps:
        forgetting = forgetting + retention
    return {
        "forgetting": settings.forgetting_weight * forgetting,
        "retention": settings.retention_weight * retention,
        "divergence": settings.divergence_weight * _divergence(changed, base, kept),
        "invariance": settings.invariance_weight * _divergence(changed, base, high),
    }


def _answer_scores(changed: TokenScores, base: TokenScores, batch: Batch) -> AnswerScores:
    """Sums by text over the tokens to forget, for the texts that have any; `base` has no others."""
    forgotten = batch.positions["forget"]
    read = forgotten[batch.read]  # (n,)
    texts, counts = forgotten.nonzero()[:, 0].unique_consecutive(return_inverse=True, return_counts=True)[1:]
    zeros = changed.taken.new_zeros(len(counts))
    return AnswerScores(
        changed=zeros.index_add(0, texts, changed.taken[read]),
        base=zeros.index_add(0, texts, base.taken),
        tokens=counts,
        changed_log_p=changed.log_p[read],
        base_log_p=base.log_p,
        chosen=batch.token_ids[forgotten],
    )


def _divergence(changed: TokenScores, base: TokenScores, chosen: Tensor) -> Tensor:
    """Mean KL(base || changed) over the chosen of the n tokens, in nats."""
    expected, found = base.log_p[chosen], changed.log_p[chosen]
    return _mean((expected.exp() * (expected - found)).sum(dim=1))


def _mean(values: Tensor) -> Tensor:
    """Mean that is zero, and still has a gradient, where there is nothing to average."""
    return values.sum() / max(1, values.numel())
