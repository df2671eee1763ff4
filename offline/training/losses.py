"""What fine-tuning and the unlearning baselines minimise, from the log-probability of whole answers.

With no answers at all, each loss is zero and still has a gradient.
"""

from collections.abc import Callable

from torch import Tensor
from torch.nn.functional import logsigmoid

# (log-probability of each answer under the model, under the reference, and its number of tokens), each of shape (batch,)
AnswerLoss = Callable[[Tensor, Tensor, Tensor], Tensor]


def fine_tuning(answers: Tensor, _reference: Tensor, tokens: Tensor) -> Tensor:
    """Cross-entropy per token."""
    return -answers.sum() / tokens.sum().clamp(min=1)


def gradient_ascent(answers: Tensor, _reference: Tensor, tokens: Tensor) -> Tensor:
    """Negated cross-entropy per token: TOFU's GA baseline (arXiv 2401.06121, section 4)."""
    return answers.sum() / tokens.sum().clamp(min=1)


def negative_preference(answers: Tensor, reference: Tensor, _tokens: Tensor, beta: float = 0.1) -> Tensor:
    """NPO, ``-2 / beta * mean log sigmoid(-beta (log p - log p_ref))`` (Zhang et al., arXiv 2404.05868, equation 3)."""
    return -2.0 / beta * (logsigmoid(-beta * (answers - reference)).sum() / max(1, answers.numel()))


LOSSES: dict[str, AnswerLoss] = {
    "fine_tuning": fine_tuning,
    "gradient_ascent": gradient_ascent,
    "negative_preference": negative_preference,
}
