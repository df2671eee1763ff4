import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.classifier.calibration import Calibration

KNOTS = st.lists(st.tuples(st.floats(0.01, 5), st.floats(0.01, 5)), min_size=1, max_size=6)


def _calibration(steps: list[tuple[float, float]], slope: float) -> Calibration:
    scores, log_odds = np.cumsum(np.array(steps), axis=0).T - 6
    return Calibration(tuple(scores), tuple(log_odds), slope)


@given(KNOTS, st.floats(0.1, 3), st.lists(st.floats(-30, 30), min_size=2, max_size=20))
def test_probabilities_rise_with_scores(steps, slope, scores) -> None:
    probabilities = _calibration(steps, slope).probability(np.sort(scores))
    assert np.all(np.diff(probabilities) >= -1e-12)
    assert np.all((probabilities >= 0) & (probabilities <= 1))


@given(KNOTS, st.floats(0.1, 3), st.floats(0.01, 0.99))
def test_the_score_of_a_probability_has_that_probability(steps, slope, probability) -> None:
    calibration = _calibration(steps, slope)
    assert float(calibration.probability(calibration.score(probability))) == pytest.approx(
        probability, abs=1e-6
    )


def test_it_survives_its_document() -> None:
    calibration = Calibration((0.0, 1.0), (-1.0, 2.0), 0.7)
    assert Calibration.from_document(calibration.to_document()) == calibration
