import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.offline.classifier_training.conformal import (
    Preference,
    Threshold,
    choose_threshold,
    conformal_threshold,
    false_positive_threshold,
    fit_calibration,
)


@pytest.mark.parametrize(("size", "alpha"), [(30, 0.05), (200, 0.05), (199, 0.01), (999, 0.1)])
def test_split_conformal_keeps_its_risk_on_average(size: int, alpha: float) -> None:
    random = np.random.default_rng(7)
    missed = []
    for _ in range(4000):
        scores = random.gumbel(size=size + 1)
        threshold, risk = conformal_threshold(scores[:-1], alpha)
        missed.append(scores[-1] < threshold)
    _, risk = conformal_threshold(np.zeros(size), alpha)
    error = 3 * np.sqrt(risk / len(missed))
    assert np.mean(missed) <= risk + error
    assert np.mean(missed) >= risk - error
    assert risk <= max(alpha, 1 / (size + 1))


def _simulated(prefer: Preference, lowest: float, size: int = 100) -> tuple[float, list[Threshold]]:
    """The share of new items that thresholds from as many calibration sets miss, and these thresholds."""
    random = np.random.default_rng(11)
    missed, thresholds = [], []
    for _ in range(4000):
        scores = random.gumbel(size=size + 1)
        thresholds.append(choose_threshold(scores[:-1], 0.05, lowest, prefer))
        missed.append(scores[-1] < thresholds[-1].score)
    return float(np.mean(missed)), thresholds


@pytest.mark.parametrize("lowest", [-3.0, -1.1, 0.0])
def test_a_threshold_that_prefers_the_risk_keeps_it_whatever_the_negatives_ask_for(lowest: float) -> None:
    missed, thresholds = _simulated("conformal", lowest)
    (guaranteed,) = {threshold.guaranteed for threshold in thresholds}
    assert guaranteed is not None
    assert missed <= guaranteed + 3 * np.sqrt(guaranteed / len(thresholds))
    assert guaranteed <= 0.05


@pytest.mark.parametrize("lowest", [-1.1, 0.0])
def test_a_threshold_that_prefers_false_positive_rates_misses_more_and_guarantees_nothing(
    lowest: float,
) -> None:
    missed, thresholds = _simulated("false_positives", lowest)
    assert missed > 0.05
    assert {threshold.guaranteed for threshold in thresholds} == {None}


def test_where_negatives_decide_the_estimate_is_on_average_what_is_missed() -> None:
    missed, thresholds = _simulated("false_positives", 0.0)
    estimates = np.mean([threshold.alpha for threshold in thresholds])
    assert estimates == pytest.approx(missed, abs=0.03)


def test_too_few_scores_say_what_risk_they_can_vouch_for() -> None:
    threshold, risk = conformal_threshold(np.array([3.0, 1.0, 2.0]), 0.01)
    assert (threshold, risk) == (1.0, 0.25)


@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(0.01, 1)), min_size=1, max_size=200), st.floats(0, 1))
def test_the_rate_of_false_positives_is_kept_and_no_lower_threshold_keeps_it(
    scored: list[tuple[float, float]], rate: float
) -> None:
    negatives, weights = np.array(scored).T
    threshold = false_positive_threshold(negatives, weights, rate)
    assert np.average(negatives >= threshold, weights=weights) <= rate + 1e-9
    lower = negatives[negatives < threshold]
    if len(lower):
        assert np.average(negatives >= lower.max(), weights=weights) > rate - 1e-9


def test_a_text_counts_by_its_weight() -> None:
    scores = np.array([5.0, 4.0, 3.0, 2.0])
    assert 4.0 < false_positive_threshold(scores, np.array([0.5, 0.5, 1, 1]), 0.2) < 4.1
    assert 3.0 < false_positive_threshold(scores, np.array([0.5, 0.5, 1, 1]), 0.4) < 3.1


def test_with_room_for_both_the_threshold_is_between() -> None:
    threshold = choose_threshold(np.arange(5.0, 105.0), 0.01, 1.0, "conformal")
    assert threshold.score == 3.0
    assert threshold.alpha <= 0.01


def test_without_room_the_preferred_side_is_kept() -> None:
    positives = np.arange(0.0, 100.0)
    assert choose_threshold(positives, 0.01, 10.0, "conformal").score == 0.0
    chosen = choose_threshold(positives, 0.01, 10.0, "false_positives")
    assert chosen.score == 10.0
    assert chosen.alpha == pytest.approx(11 / 101)


@pytest.mark.parametrize("size", [300, 4000])
def test_calibrated_probabilities_are_observed_shares(size: int) -> None:
    random = np.random.default_rng(3)

    def draw(count: int) -> tuple[np.ndarray, np.ndarray]:
        return random.normal(1.5, 1.5, count), random.normal(-1.5, 1.5, count)

    calibration = fit_calibration(*draw(size))
    positives, negatives = draw(20_000)
    scores = np.concatenate([positives, negatives])
    labels = np.repeat([1, 0], 20_000)
    probabilities = calibration.probability(scores)
    for low in np.arange(0, 1, 0.2):
        inside = (probabilities >= low) & (probabilities < low + 0.2)
        if inside.sum() > 500:
            assert labels[inside].mean() == pytest.approx(probabilities[inside].mean(), abs=0.08)


def test_separable_scores_leave_a_finite_slope() -> None:
    calibration = fit_calibration(np.linspace(5, 9, 50), np.linspace(-9, -5, 80))
    assert np.isfinite(calibration.slope)
    assert float(calibration.probability(7.0)) > 0.9
