"""From a head's score to a probability. How the numbers are found is the training job's affair."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lethe.classifier.errors import ClassifierError


@dataclass(frozen=True)
class Calibration:
    """A monotone map from scores (log-odds) to probabilities.

    Linear between knots in log-odds, and of slope `slope` outside them. One knot is temperature or Platt
    scaling (Platt 1999; Guo et al. 2017); many knots are isotonic regression (Zadrozny and Elkan 2002).

    Attributes
    ----------
    scores
        Ascending scores of the knots.
    log_odds
        Calibrated log-odds at the knots, ascending.
    slope
        Calibrated log-odds for each unit of score, outside the knots.
    """

    scores: tuple[float, ...] = (0.0,)
    log_odds: tuple[float, ...] = (0.0,)
    slope: float = 1.0

    def probability(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Probabilities of scores of any shape."""
        values = np.asarray(scores, np.float64)
        inside = np.interp(values, self.scores, self.log_odds)
        below = np.minimum(values - self.scores[0], 0.0)
        above = np.maximum(values - self.scores[-1], 0.0)
        return _sigmoid(inside + self.slope * (below + above))

    def score(self, probability: float) -> float:
        """The smallest score whose probability is at least the one given, strictly between 0 and 1."""
        wanted = math.log(probability / (1 - probability))
        if wanted <= self.log_odds[0]:
            return self.scores[0] - (self.log_odds[0] - wanted) / self.slope
        if wanted > self.log_odds[-1]:
            return self.scores[-1] + (wanted - self.log_odds[-1]) / self.slope
        return float(np.interp(wanted, self.log_odds, self.scores))

    def to_document(self) -> dict[str, Any]:
        return {"scores": list(self.scores), "log_odds": list(self.log_odds), "slope": self.slope}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Calibration":
        calibration = cls(tuple(document["scores"]), tuple(document["log_odds"]), float(document["slope"]))
        knots = len(calibration.scores)
        ascending = all(np.all(np.diff(values) >= 0) for values in (calibration.scores, calibration.log_odds))
        if not knots or knots != len(calibration.log_odds) or not ascending or calibration.slope <= 0:
            raise ClassifierError("calibration must have ascending knots and a positive slope")
        return calibration


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return 0.5 * (1.0 + np.tanh(0.5 * values))
