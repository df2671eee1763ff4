"""Thresholds with a guarantee, and the map from scores to probabilities."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from lethe.classifier.calibration import Calibration

Scores = NDArray[np.floating[Any]]
Preference = Literal["conformal", "false_positives"]

# With fewer scores of a class than this, isotonic regression fits noise.
_ISOTONIC_MINIMUM = 1000


@dataclass(frozen=True)
class Threshold:
    """A score from which a text is flagged, and how it was chosen.

    Attributes
    ----------
    score
        Texts that score at least this are flagged.
    alpha
        Estimate of the probability that a new forget item of the same kind scores below `score`:
        (items below it + 1) / (items + 1).
    rule
        In words, for the bundle.
    guaranteed
        What that probability is at most, on average over calibration sets. None where false-positive rates may
        have decided: the score then does not follow the forget items, and `alpha` is all that is known.
    """

    score: float
    alpha: float
    rule: str
    guaranteed: float | None = None


def conformal_threshold(positives: Scores, alpha: float) -> tuple[float, float]:
    """Split conformal threshold on false negatives, and the risk that it holds.

    With n exchangeable positive scores and the k-th smallest as threshold, k = floor(alpha * (n + 1)), a new
    one falls below it with probability at most k / (n + 1) <= alpha, on average over calibration sets. With too few for the
    alpha wanted, the smallest score is taken, whose risk is 1 / (n + 1). See Vovk et al., "Algorithmic Learning in a
    Random World", 2005; Angelopoulos and Bates, arXiv 2107.07511, section 1.
    """
    ordered = np.sort(positives)
    rank = max(math.floor(alpha * (len(ordered) + 1)), 1)
    return float(ordered[rank - 1]), rank / (len(ordered) + 1)


def false_positive_threshold(negatives: Scores, weights: NDArray[np.float64], rate: float) -> float:
    """The smallest threshold that flags at most a share `rate` of the negatives, each of which counts by its weight."""
    order = np.argsort(-negatives, kind="stable")
    shares = np.cumsum(weights[order]) / np.sum(weights)
    allowed = int(np.searchsorted(shares, rate, side="right"))
    return float(np.nextafter(negatives[order[allowed]], np.inf)) if allowed < len(order) else -np.inf


def choose_threshold(positives: Scores, alpha: float, lowest: float, prefer: Preference) -> Threshold:
    """A threshold for a risk `alpha` on false negatives that is, if it can be, not below `lowest`.

    Where scores leave room for both, the middle of the room is taken; where they do not, `prefer` says which
    of the two is kept, and `Threshold.alpha` what the other comes to. The risk is guaranteed only where it is
    preferred: the score is then never above the conformal one. Else it is above it on those calibration sets that
    leave no room, so even where this one does, the guarantee, which is an average over all sets, is lost.

    Parameters
    ----------
    positives
        Scores of held-out forget items.
    lowest
        The lowest threshold that keeps the wanted rates of false positives.
    """
    upper, risk = conformal_threshold(positives, alpha)
    if lowest <= upper:
        score = (lowest + upper) / 2
        rule = f"middle between the wanted false-positive rates and split conformal at alpha {alpha:g}"
    elif prefer == "conformal":
        score = upper
        rule = f"split conformal at alpha {alpha:g}; the wanted false-positive rates would need a higher one"
    else:
        score = lowest
        rule = f"the wanted false-positive rates; split conformal at alpha {alpha:g} would need a lower one"
    below = int(np.sum(positives < score))
    guaranteed = risk if prefer == "conformal" else None
    return Threshold(score, (below + 1) / (len(positives) + 1), rule, guaranteed)


def fit_calibration(positives: Scores, negatives: Scores) -> Calibration:
    """Map scores to probabilities under equal odds: isotonic where there are scores enough, Platt's method if not.

    Platt's targets keep the slope finite where the classes separate (Platt, "Probabilistic outputs for support vector machines",
    1999, section 2.2).
    """
    scores = np.concatenate([positives, negatives]).astype(float)
    labels = np.concatenate([np.ones(len(positives)), np.zeros(len(negatives))])
    balance = np.where(labels == 1, 0.5 / len(positives), 0.5 / len(negatives)) * len(scores)
    high = (len(positives) + 1) / (len(positives) + 2)
    low = 1 / (len(negatives) + 2)
    targets = np.where(labels == 1, high, low)
    platt = LogisticRegression(C=1e6).fit(
        np.tile(scores, 2)[:, None],
        np.repeat([1, 0], len(scores)),
        sample_weight=np.concatenate([balance * targets, balance * (1 - targets)]),
    )
    slope, shift = max(float(np.asarray(platt.coef_)[0, 0]), 1e-3), float(np.asarray(platt.intercept_)[0])
    if min(len(positives), len(negatives)) < _ISOTONIC_MINIMUM:
        return Calibration((0.0,), (shift,), slope)
    isotonic = IsotonicRegression(y_min=low, y_max=high).fit(scores, labels, sample_weight=balance)
    knots, probabilities = isotonic.X_thresholds_, isotonic.y_thresholds_
    log_odds = np.log(probabilities / (1 - probabilities))
    # A little slope keeps the order of scores on the steps.
    log_odds = log_odds + 1e-3 * (knots - knots[0])
    return Calibration(tuple(map(float, knots)), tuple(map(float, log_odds)), slope)
