import pytest

from lethe.offline.corruption_learning.objective import Measurement, Objective


def test_distance_is_the_mean_gap_and_counts_too_little_as_too_much():
    objective = Objective({"probability": 0.2, "leak_rate": 0.0})
    assert objective(Measurement({"probability": 0.5, "leak_rate": 0.1})) == pytest.approx(0.2)
    assert objective(Measurement({"probability": 0.0, "leak_rate": 0.0})) == pytest.approx(0.1)


def test_only_a_shortfall_of_fluency_counts():
    objective = Objective({"fluency": 0.4})
    assert objective(Measurement({"fluency": 0.6})) == 0.0
    assert objective(Measurement({"fluency": 0.3})) == pytest.approx(0.1)


def test_measured_values_without_a_surrogate_do_not_count():
    assert Objective({"rouge_l": 0.1})(Measurement({"rouge_l": 0.1, "leak_rate": 1.0})) == 0.0


@pytest.mark.parametrize("surrogate", [{}, {"charm": 0.5}])
def test_no_metric_or_an_unknown_one_is_refused(surrogate):
    with pytest.raises(ValueError, match="choose among the metrics"):
        Objective(surrogate)


def test_a_surrogate_value_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        Objective({"rouge_l": 45.0})
