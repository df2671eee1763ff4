"""What other thresholds than the chosen one would bring. Knows scores; knows nothing about how a threshold is chosen."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.calibration import Calibration
from lethe.offline.classifier_training.held_out import HeldOutScores

# In log-odds, from the threshold that is chosen.
_STEPS = (-4, -2, -1, 1, 2)
# Thresholds are shown that find at least these shares of what is to be found.
_SHARES = (0.75, 0.9, 1.0)
# Beyond these a threshold flags all or nothing of what is scored here.
_LEAST, _MOST = 1e-6, 1 - 1e-6


@dataclass(frozen=True)
class ThresholdEffect:
    """How many held-out texts a threshold flags, each count with the number of texts that there are."""

    threshold: float
    forget: tuple[int, int]
    retain: tuple[int, int]
    general: tuple[int, int]

    @property
    def missed(self) -> int:
        flagged, total = self.forget
        return total - flagged

    @property
    def gain(self) -> float:
        """The share that is found less the shares that are wrongly flagged."""
        return _share(self.forget) - _share(self.retain) - _share(self.general)


def thresholds_around(chosen: float, to_find: Sequence[float] | NDArray[np.float64] = ()) -> list[float]:
    """Thresholds to set beside a chosen one, ascending, itself among them, each but that one short enough to type.

    Parameters
    ----------
    to_find
        Probabilities of texts that should be flagged; the thresholds that find most of them are among those returned.
    """
    log_odds = math.log(_within(chosen) / (1 - _within(chosen)))
    found = sorted(to_find, reverse=True)
    wanted = [1 / (1 + math.exp(-(log_odds + step))) for step in _STEPS]
    wanted += [float(found[math.ceil(share * len(found)) - 1]) for share in _SHARES if found]
    return sorted({chosen, *map(_shortened, wanted)})


def threshold_effects(
    chosen: float, calibration: Calibration, held_out: HeldOutScores
) -> list[ThresholdEffect]:
    """What the thresholds around a chosen one bring on held-out texts."""
    forget, retain, general = (
        calibration.probability(side) for side in (held_out.forget, held_out.retain, held_out.general)
    )
    return [
        ThresholdEffect(threshold, *(_flagged(side, threshold) for side in (forget, retain, general)))
        for threshold in thresholds_around(chosen, forget)
    ]


def better_threshold(effects: Sequence[ThresholdEffect], chosen: ThresholdEffect) -> ThresholdEffect | None:
    """The effect of a threshold that finds more and gains most; None where what it finds more costs as much."""
    finding_more = [
        effect for effect in effects if effect.missed < chosen.missed and effect.gain > chosen.gain
    ]
    return max(finding_more, key=lambda effect: (effect.gain, effect.threshold), default=None)


def _flagged(probabilities: NDArray[np.float64], threshold: float) -> tuple[int, int]:
    return int(np.sum(probabilities >= threshold)), len(probabilities)


def _share(counted: tuple[int, int]) -> float:
    flagged, total = counted
    return flagged / total if total else 0.0


def _within(probability: float) -> float:
    return min(max(probability, _LEAST), _MOST)


def _shortened(probability: float) -> float:
    """A probability rounded down, so that it flags what it flagged, to two digits of its distance from 0 or 1."""
    probability = _within(probability)
    places = 1 - math.floor(math.log10(min(probability, 1 - probability)))
    # Rounded first: 0.29 * 100 is a little less than 29.
    return math.floor(round(probability * 10**places, 6)) / 10**places
