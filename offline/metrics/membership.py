"""Attacks that tell what a model was trained on; in all of them the higher a score, the likelier a text was.

`lethe.offline.metrics.privacy` has Min-K% and the area under the curve that such scores are summed up by.
"""

import zlib

import numpy as np
from numpy.typing import ArrayLike

from lethe.offline.metrics.probability import mean_log_probability


def loss_score(token_log_probabilities: ArrayLike) -> float:
    """The negative of a text's loss a token.

    Yeom et al., "Privacy Risk in Machine Learning" (arXiv 1709.01604), section 3.

    Raises
    ------
    ValueError
        When there is no token, or a log-probability is positive.
    """
    return mean_log_probability(token_log_probabilities)


def zlib_score(token_log_probabilities: ArrayLike, text: str) -> float:
    """The loss a token over the bytes of the compressed text, negated: what is likely although it is no repetition.

    Carlini et al. (arXiv 2012.07805), section 5.2, with the loss a token as OpenUnlearning takes it.

    Raises
    ------
    ValueError
        As for `loss_score`.
    """
    return mean_log_probability(token_log_probabilities) / len(zlib.compress(text.encode()))


def min_k_plus_plus_score(
    token_log_probabilities: ArrayLike, means: ArrayLike, variances: ArrayLike, fraction: float = 0.2
) -> float:
    """Min-K%++ of one text: Min-K% of log-probabilities in standard deviations of their position's distribution.

    Parameters
    ----------
    token_log_probabilities
        Shape (tokens,).
    means, variances
        Shape (tokens,). Mean and variance of ``log p(v)`` over the vocabulary under ``p`` itself, at each position.
    fraction
        K; at least one token counts.

    Notes
    -----
    Zhang et al., "Min-K%++" (arXiv 2404.02936), equation 3. A variance under 1e-6 counts as that, as in OpenUnlearning.

    Raises
    ------
    ValueError
        When there is no token, or the shapes differ.
    """
    values, centres, spreads = (
        np.asarray(each, np.float64) for each in (token_log_probabilities, means, variances)
    )
    if not values.size or not values.shape == centres.shape == spreads.shape:
        raise ValueError(
            f"got shapes {values.shape}, {centres.shape} and {spreads.shape}; one value a token is needed"
        )
    normalized = np.sort((values - centres) / np.sqrt(np.maximum(spreads, 1e-6)))
    return float(normalized[: max(1, int(values.size * fraction))].mean())
