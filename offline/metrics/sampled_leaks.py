"""What sampling brings out: one greedy answer without a leak says little of the hundredth."""

from collections.abc import Sequence
from math import comb

import numpy as np


def leak_at_k(leaks: Sequence[float], k: int) -> float:
    """Expected greatest leak among k of n sampled answers to one question.

    Parameters
    ----------
    leaks
        One score an answer, such as ROUGE-L recall or 1 for a leaked fact; n of them.
    k
        At most n.

    Notes
    -----
    leak@k (arXiv 2511.04934), by the unbiased estimator of Chen et al. (arXiv 2107.03374, pass@k): with the scores in ascending
    order, the i-th is the greatest of ``C(i - 1, k - 1)`` of the ``C(n, k)`` choices.

    Raises
    ------
    ValueError
        When k is under 1 or over n.
    """
    count = len(leaks)
    if not 1 <= k <= count:
        raise ValueError(f"leak@{k} needs between 1 and {count} answers, as many as were drawn")
    ordered = np.sort(np.asarray(leaks, np.float64))
    shares = np.array([comb(place, k - 1) / comb(count, k) for place in range(count)])
    return float(ordered @ shares)
