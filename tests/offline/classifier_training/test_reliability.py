import numpy as np
import pytest

from lethe.offline.classifier_training.conformal import fit_calibration
from lethe.offline.classifier_training.reliability import brier_score, reliability_curve


def _draw(random: np.random.Generator, positives: int, negatives: int) -> tuple[np.ndarray, np.ndarray]:
    return random.normal(1.0, 1.5, positives), random.normal(-1.0, 1.5, negatives)


@pytest.mark.parametrize("negatives", [2000, 40_000])
def test_a_good_calibration_is_on_the_diagonal_however_many_negatives_there_are(negatives: int) -> None:
    random = np.random.default_rng(5)
    calibration = fit_calibration(*_draw(random, 2000, negatives))
    sides = _draw(random, 2000, negatives)
    labels = np.concatenate([np.ones(2000), np.zeros(negatives)])
    predicted, observed = reliability_curve(labels, calibration.probability(np.concatenate(sides)))
    assert len(predicted) == 8
    np.testing.assert_allclose(observed, predicted, atol=0.08)


def test_the_brier_score_weighs_the_classes_equally() -> None:
    labels = np.concatenate([np.ones(1), np.zeros(99)])
    assert brier_score(labels, np.zeros(100)) == pytest.approx(0.5)
    assert brier_score(labels, labels) == 0.0
