"""Two-sided zeroth-order descent, as machines that propose candidates and are told their scores.

ECO (arXiv 2406.07933, section 3.4). A step estimates the slope from two forward evaluations,
``g = (D(s + eps) - D(s - eps)) / (2 eps)``, and moves against it. A machine does no measuring itself, so that the
proposals of many restarts can be measured together.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Schedule = Literal["constant", "inverse_sqrt", "cosine"]
Scale = Literal["linear", "log"]


@dataclass(frozen=True)
class DescentSettings:
    """How far a descent looks and steps.

    Attributes
    ----------
    learning_rate
        Step for a slope of one; in the unit of `scale`.
    epsilon
        Distance of the two evaluations from the current point; in the unit of `scale`.
    schedule
        How the learning rate falls over the steps.
    scale
        Whether a strength is searched as it is, as the paper has it, or by its natural logarithm [ours]: useful
        strengths span three orders of magnitude, and one epsilon does not fit them all.
    floor
        Least strength.
    """

    steps: int = 6
    learning_rate: float = 4.0
    epsilon: float = 0.25
    schedule: Schedule = "cosine"
    scale: Scale = "log"
    floor: float = 1e-3

    def __post_init__(self) -> None:
        if self.steps < 0 or self.learning_rate <= 0 or self.epsilon <= 0 or self.floor <= 0:
            raise ValueError("steps must be 0 or more; learning rate, epsilon and floor must be positive")

    def rate(self, step: int) -> float:
        """Learning rate of a step, counted from 0."""
        match self.schedule:
            case "constant":
                return self.learning_rate
            case "inverse_sqrt":
                return self.learning_rate / math.sqrt(1.0 + step)
            case "cosine":
                return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * step / max(self.steps, 1)))


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
        """Take the objective at the two proposed strengths and move."""
        slope = (above - below) / (2 * self.settings.epsilon)
        self._point = max(self._point - self.settings.rate(self.step) * slope, self._floor)
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
