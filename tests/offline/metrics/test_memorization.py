import pytest

from lethe.offline.metrics.memorization import first_answer, knowledge_memorization, verbatim_memorization


def test_verbatim_memorization_is_the_mean_f_measure():
    # exact: 1; "a b" against "a c": LCS 1 of 2 and 2: 0.5
    assert verbatim_memorization(["x y z", "a b"], ["x y z", "a c"]) == pytest.approx(0.75)


def test_an_answer_ends_before_the_next_question():
    assert first_answer("the Snitch\n\nQuestion: Who?") == "the Snitch"
    assert first_answer("the Snitch\nQuestion: Who?") == "the Snitch"


def test_knowledge_memorization_scores_the_first_answer():
    assert knowledge_memorization(["in 1472\n\nQuestion: in what year"], ["in 1472"]) == 1.0


def test_no_passage_is_refused():
    with pytest.raises(ValueError, match="got 0 outputs"):
        verbatim_memorization([], [])
