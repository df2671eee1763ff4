"""How probable a model finds an answer."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike


def answer_probability(token_log_probabilities: ArrayLike) -> float:
    """Length-normalised probability of an answer, ``P(a|q) ** (1 / |a|)``.

    Parameters
    ----------
    token_log_probabilities
        Shape (|a|,). Log-probability of each answer token given the question and the answer tokens before it.

    Returns
    -------
    float
        The geometric mean of the token probabilities, in [0, 1].

    Raises
    ------
    ValueError
        When there is no token, or a log-probability is positive.

    Notes
    -----
    Maini et al., TOFU (arXiv 2401.06121), section 2.2.1, "Probability".
    """
    return float(np.exp(mean_log_probability(token_log_probabilities)))


def mean_log_probability(token_log_probabilities: ArrayLike) -> float:
    """Mean log-probability of the tokens of one answer; the negative of its per-token loss.

    Raises
    ------
    ValueError
        When there is no token, or a log-probability is positive.
    """
    values = np.asarray(token_log_probabilities, dtype=np.float64)
    if values.ndim != 1 or values.size == 0:
        raise ValueError(f"an answer needs at least one token, got an array of shape {values.shape}")
    if np.any(values > 1e-6):
        raise ValueError(f"log-probabilities cannot be positive, got {values.max():.4g}")
    return float(values.mean())


def normalized_probability(true_answer: float, wrong_answers: Sequence[float]) -> float:
    """Share of the true answer in the probability of all the answers on offer, ``p / (p + sum of wrong)``.

    Used for the real-author and world-fact questions of TOFU, whose wrong answers are known
    (arXiv 2401.06121, section 2.2.1; each probability is length-normalised first).

    Raises
    ------
    ValueError
        When every probability is zero.
    """
    total = true_answer + float(sum(wrong_answers))
    if total <= 0.0:
        raise ValueError("every answer has probability zero: the share of the true one is undefined")
    return true_answer / total
