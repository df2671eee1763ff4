import pytest

from lethe.offline.corruption_learning.objective import Measurement, Objective, knowledge_left


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


def test_what_leaves_answers_as_they_are_is_not_nearest_to_a_model_that_knows_little():
    surrogate = {"probability": 0.02, "leak_rate": 0.0, "form": 1.0}
    clean = Measurement({"probability": 0.05, "leak_rate": 0.09, "form": 1.0})
    hides = Measurement({"probability": 0.02, "leak_rate": 0.0, "form": 0.8})
    assert Objective(surrogate)(clean) < Objective(surrogate)(hides)
    objective = Objective.beside(surrogate, clean)
    # The clean model's two distances are 0.03 and 0.09, 0.06 in the mean.
    assert objective(clean) == pytest.approx((0.5 + 1.5 + 0.0) / 3)
    assert objective(hides) == pytest.approx(0.2 / 3)


def test_distances_that_few_questions_cannot_tell_are_no_unit():
    surrogate = {"rouge_l": 0.1}
    objective = Objective.beside(surrogate, Measurement({"rouge_l": 0.1}))
    assert objective(Measurement({"rouge_l": 0.12})) == pytest.approx(1.0)


def test_fluency_alone_needs_no_unit():
    assert Objective.beside({"form": 1.0}, Measurement({"form": 1.0})).knowledge_unit == 1.0


def test_what_is_left_is_the_share_of_what_exceeds_the_surrogate():
    surrogate = {"probability": 0.1, "leak_rate": 0.0, "form": 1.0}
    clean = Measurement({"probability": 0.3, "leak_rate": 0.6, "form": 1.0})
    # Less of one than a model that never learned makes up for nothing.
    corrupted = Measurement({"probability": 0.0, "leak_rate": 0.2, "form": 0.0})
    assert knowledge_left(surrogate, clean, corrupted) == pytest.approx(0.25)
    assert knowledge_left(surrogate, Measurement({"probability": 0.1, "leak_rate": 0.0}), clean) is None
