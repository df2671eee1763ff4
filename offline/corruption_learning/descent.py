"""Two-sided zeroth-order descent, as machines that propose candidates and are told their scores.

ECO (arXiv 2406.07933, section 3.4). A step estimates the slope from two forward evaluations,
``g = (D(s + eps) - D(s - eps)) / (2 eps)``, and moves against it. A machine does no measuring itself, so that the
proposals of many restarts can be measured together.
"""

import math

import numpy as np
from numpy.typing import NDArray

from lethe.offline.corruption_learning.settings import DescentSettings


class ScalarDescent:
    """Descent of one strength.

    Parameters
    ----------
    start
        First strength; raised to the floor if it is lower.
    """

    def __init__(self, start: float, settings: DescentSettings) -> None:
        self.settings = settings
        self.step = 0
        self._point = max(self._to_scale(max(start, settings.floor)), self._floor)

    @property
    def strength(self) -> float:
        """Where the descent stands."""
        return self._from_scale(self._point)

    def propose(self) -> tuple[float, float]:
        """Strengths to be measured: above and below."""
        return (
            self._from_scale(self._point + self.settings.epsilon),
            self._from_scale(max(self._point - self.settings.epsilon, self._floor)),
        )

    def observe(self, above: float, below: float) -> None:
        """Take the objective at the two proposed strengths and move, no further than they lie apart."""
        apart = 2 * self.settings.epsilon
        move = self.settings.rate(self.step) * (above - below) / apart
        self._point = max(self._point - min(max(move, -apart), apart), self._floor)
        self.step += 1

    @property
    def _floor(self) -> float:
        return self._to_scale(self.settings.floor)

    def _to_scale(self, strength: float) -> float:
        return math.log(strength) if self.settings.scale == "log" else strength

    def _from_scale(self, point: float) -> float:
        return math.exp(point) if self.settings.scale == "log" else point


class VectorDescent:
    """Descent of an additive vector along random unit directions.

    Parameters
    ----------
    start
        Shape (n,).
    settings
        `scale` and `floor` do not apply: a vector has both signs.
    seed
        Of the directions.
    """

    def __init__(self, start: NDArray[np.float64], settings: DescentSettings, seed: int) -> None:
        self.settings = settings
        self.step = 0
        self.vector = np.array(start, dtype=np.float64)
        self._random = np.random.default_rng(seed)
        self._direction = self._draw()

    def propose(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Vectors to be measured: one epsilon to either side along the current direction."""
        offset = self.settings.epsilon * self._direction
        return self.vector + offset, self.vector - offset

    def observe(self, above: float, below: float) -> None:
        """Take the objective at the two proposed vectors, move, and turn to a new direction."""
        slope = (above - below) / (2 * self.settings.epsilon)
        self.vector = self.vector - self.settings.rate(self.step) * slope * self._direction
        self.step += 1
        self._direction = self._draw()

    def _draw(self) -> NDArray[np.float64]:
        direction = self._random.standard_normal(self.vector.shape)
        return direction / np.linalg.norm(direction)
