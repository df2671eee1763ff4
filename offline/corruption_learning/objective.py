"""The objective D: how far a corrupted model is from one that never learned.

ECO (arXiv 2406.07933, section 3.4): ``D(s) = mean over metrics of |metric(s) - surrogate retain value|``. Here every
metric lies in [0, 1], so that none outweighs the others by its scale. Of the fluency metrics only a shortfall counts
[ours]: an output that reads better than the surrogate's betrays nothing. The knowledge metrics are counted in units of how far
the clean model is from the surrogate [ours]: to a model that knows little, all of them are small, and what leaves its answers
as they are would be nearest.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from lethe.offline.corruption_learning.errors import LearningError

KNOWLEDGE_METRICS = frozenset({"probability", "rouge_l", "truthfulness", "accuracy", "leak_rate"})
FLUENCY_METRICS = frozenset({"fluency", "unique_tokens", "form"})
METRICS = KNOWLEDGE_METRICS | FLUENCY_METRICS
# A clean model's distance below this is within what thirty questions can tell.
_LEAST_UNIT = 0.02


@dataclass(frozen=True)
class Measurement:
    """What one candidate scored.

    Attributes
    ----------
    values
        By metric, averaged over the questions, each in [0, 1].
    outputs
        Generated answers, in the order of the questions.
    """

    values: Mapping[str, float]
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Objective:
    """Distance from surrogate retain values.

    Attributes
    ----------
    surrogate
        For each chosen metric, what a model without the knowledge would score.
    knowledge_unit
        What distance of a knowledge metric counts as one.
    """

    surrogate: Mapping[str, float]
    knowledge_unit: float = 1.0

    def __post_init__(self) -> None:
        unknown = sorted(set(self.surrogate) - set(METRICS))
        if unknown or not self.surrogate:
            raise LearningError(
                f"choose among the metrics {', '.join(sorted(METRICS))}; got {', '.join(unknown) or 'none'}"
            )
        for name, value in self.surrogate.items():
            if not 0.0 <= value <= 1.0:
                raise LearningError(f"the surrogate value of {name} must lie in [0, 1], got {value}")

    @classmethod
    def beside(cls, surrogate: Mapping[str, float], clean: Measurement) -> "Objective":
        """The objective whose knowledge metrics lie one apart, in the mean, from those of the clean model.

        Raises
        ------
        LearningError
            No metric, an unknown one, or a value out of range.
        """
        known = {name: value for name, value in surrogate.items() if name in KNOWLEDGE_METRICS}
        return cls(surrogate, max(cls(known)(clean), _LEAST_UNIT) if known else 1.0)

    def __call__(self, measurement: Measurement) -> float:
        """D of one measurement; 0 is a model that scores just like one that never learned."""
        gaps = [self._gap(name, measurement.values[name]) for name in self.surrogate]
        return sum(gaps) / len(gaps)

    def _gap(self, name: str, value: float) -> float:
        surplus = value - self.surrogate[name]
        return max(0.0, -surplus) if name in FLUENCY_METRICS else abs(surplus) / self.knowledge_unit


def knowledge_left(
    surrogate: Mapping[str, float], clean: Measurement, corrupted: Measurement
) -> float | None:
    """Share of what a clean model knows beyond one that never learned that is left under a corruption.

    From the sums of what the knowledge metrics exceed the surrogate by; None where the clean model's exceed it by nothing.
    """

    def surplus(measurement: Measurement) -> float:
        return sum(
            max(0.0, measurement.values[name] - value)
            for name, value in surrogate.items()
            if name in KNOWLEDGE_METRICS
        )

    known = surplus(clean)
    return surplus(corrupted) / known if known else None
