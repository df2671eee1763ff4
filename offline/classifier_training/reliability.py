"""How far probabilities are observed shares, under the equal odds of the classes that the calibration assumes.

Unweighted, the many texts to keep would pull every observed share down, and a good calibration would look bad.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.floating[Any]]

_BINS = 8


def reliability_curve(labels: Values, probabilities: Values) -> tuple[Values, Values]:
    """Mean predicted probability and observed share of the target in bins that weigh the same.

    Parameters
    ----------
    labels
        (N,) 1 for the target, 0 for everything else; both occur.
    probabilities
        (N,) predicted.
    """
    order = np.argsort(probabilities, kind="stable")
    labels, probabilities = labels[order], probabilities[order]
    weights = _equal_odds(labels)
    bins = np.minimum((np.cumsum(weights) - weights / 2) * _BINS, _BINS - 1).astype(int)
    mass, predicted, observed = (
        np.bincount(bins, weights * values, minlength=_BINS)
        for values in (np.ones_like(weights), probabilities, labels)
    )
    filled = mass > 0
    return predicted[filled] / mass[filled], observed[filled] / mass[filled]


def brier_score(labels: Values, probabilities: Values) -> float:
    """Mean squared difference of probability and label, each class weighing half."""
    return float(np.sum(_equal_odds(labels) * (probabilities - labels) ** 2))


def _equal_odds(labels: Values) -> Values:
    """Weights that sum to one, half of it on each class."""
    positives = float(labels.sum())
    return np.where(labels == 1, 0.5 / positives, 0.5 / (len(labels) - positives))
