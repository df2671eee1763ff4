import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from lethe.offline.metrics.privacy import area_under_roc, min_k_score, privacy_leakage

scores = st.lists(st.integers(-20, 0).map(float), min_size=1, max_size=30)


def test_min_k_averages_the_least_likely_tokens():
    assert min_k_score([-1.0, -5.0, -2.0, -3.0, -0.1], fraction=0.4) == -4.0


def test_a_text_too_short_for_the_fraction_is_refused():
    with pytest.raises(ValueError, match="leaves none"):
        min_k_score([-1.0, -2.0], fraction=0.4)


def test_area_under_roc_by_hand():
    # of the four pairs two are won, one is tied, one lost
    assert area_under_roc([1.0, 2.0], [2.0, 3.0]) == pytest.approx(3.5 / 4)


@given(scores, scores)
def test_area_under_roc_agrees_with_scikit_learn(negatives, positives):
    labels = [0] * len(negatives) + [1] * len(positives)
    assert area_under_roc(negatives, positives) == pytest.approx(roc_auc_score(labels, negatives + positives))


def test_privacy_leakage_is_the_relative_gap_in_percent():
    assert privacy_leakage(0.25, 0.5) == -50.0
    assert privacy_leakage(0.5, 0.5) == 0.0
