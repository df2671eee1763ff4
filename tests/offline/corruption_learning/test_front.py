import pytest

from lethe.corruption.artifact import Corruption
from lethe.offline.corruption_learning.front import front, knowledge_gap
from lethe.offline.corruption_learning.learn import Candidate
from lethe.offline.corruption_learning.objective import Measurement, Objective

OBJECTIVE = Objective({"probability": 0.1, "leak_rate": 0.0, "form": 0.9})


def candidate(strength, probability, form):
    values = {"probability": probability, "leak_rate": 0.0, "form": form}
    return Candidate(Corruption("rand_noise_first_n", strength, 1), Measurement(values), 0.0)


def test_the_gap_counts_what_is_known_and_not_how_it_reads():
    # |0.5 - 0.1| over two metrics.
    assert knowledge_gap(candidate(1.0, 0.5, 0.0), OBJECTIVE) == pytest.approx(0.2)


def test_the_front_leaves_out_what_is_beaten_in_both():
    ignorant, fluent, between = candidate(1, 0.1, 0.2), candidate(2, 0.9, 1.0), candidate(3, 0.3, 0.6)
    beaten, equal = candidate(4, 0.5, 0.5), candidate(5, 0.3, 0.6)
    found = front([fluent, beaten, between, equal, ignorant], OBJECTIVE)
    assert found == (ignorant, between, fluent)


@pytest.mark.parametrize("surrogate", [{"probability": 0.1}, {"form": 0.9, "fluency": 0.3}])
def test_there_is_no_front_where_a_side_was_not_measured(surrogate):
    assert front([candidate(1, 0.1, 0.2)], Objective(surrogate)) == ()
