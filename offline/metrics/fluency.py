"""Whether a text reads like language: corruption that turns answers into junk forgets nothing worth the name."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from lethe.offline.metrics.probability import mean_log_probability


def perplexity(token_log_probabilities: ArrayLike) -> float:
    """``exp(-mean log p)`` of a text under a reference model.

    Jelinek et al., "Perplexity: a measure of the difficulty of speech recognition tasks", 1977. The reference should
    be the clean model, not the one that wrote the text: a broken model finds its own junk likely.

    Raises
    ------
    ValueError
        When there is no token.
    """
    return float(np.exp(-mean_log_probability(token_log_probabilities)))


def unique_token_ratio(tokens: Sequence[Hashable]) -> float:
    """Distinct tokens over all tokens of one generated text; 0 for an empty one.

    Yao et al., "Large Language Model Unlearning" (arXiv 2310.10683), section 4 ("diversity"); ECO uses it for
    copyright. Natural answers of some 50 tokens score about 0.6 to 0.9; loops score near 0. The longer the text the
    lower the ratio, so compare equal lengths.
    """
    return len(set(tokens)) / len(tokens) if tokens else 0.0
