"""Hard negatives: of all that is allowed, what looks most like the target.

Felzenszwalb et al., "Object detection with discriminatively trained part based models", PAMI 2010, section 4.4.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

_FIRST_ROUND = 4000
_HARD_SHARE = 0.1
_HARD_WEIGHT = 3.0


def select_negatives(
    positives: NDArray[np.float32], negatives: NDArray[np.float32], maximum: int, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Choose at most `maximum` negatives, and weigh the hardest of them up.

    A first model, fitted on a random few, scores them all; the hardest tenth is kept and counts threefold,
    and the rest of the places go to a random choice.

    Parameters
    ----------
    positives, negatives
        Embeddings, (N, dimension) and (M, dimension).

    Returns
    -------
    Indices into `negatives` and a weight for each.
    """
    order = np.random.default_rng(seed).permutation(len(negatives))
    first = order[:_FIRST_ROUND]
    model = LogisticRegression(C=10.0, class_weight="balanced", max_iter=1000)
    model.fit(
        np.concatenate([positives, negatives[first]]),
        np.concatenate([np.ones(len(positives)), np.zeros(len(first))]),
    )
    chosen_count = min(maximum, len(negatives))
    hard = np.argsort(-model.decision_function(negatives))[: max(1, int(_HARD_SHARE * chosen_count))]
    rest = order[~np.isin(order, hard)][: chosen_count - len(hard)]
    weights = np.concatenate([np.full(len(hard), _HARD_WEIGHT), np.ones(len(rest))])
    return np.concatenate([hard, rest]), weights
