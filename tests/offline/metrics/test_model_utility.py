import pytest

from lethe.offline.metrics.model_utility import UtilityScores, model_utility


def test_utility_is_the_harmonic_mean_of_nine_numbers():
    half = UtilityScores(0.5, 0.5, 0.5)
    quarter = UtilityScores(0.25, 0.25, 0.25)
    # 9 / (6 * 2 + 3 * 4)
    assert model_utility({"retain": half, "real_authors": half, "world_facts": quarter}) == pytest.approx(
        9 / 24
    )


def test_one_lost_part_loses_all():
    half = UtilityScores(0.5, 0.5, 0.5)
    lost = UtilityScores(0.5, 0.0, 0.5)
    assert model_utility({"retain": half, "real_authors": lost, "world_facts": half}) == 0.0


def test_a_missing_set_is_named():
    with pytest.raises(ValueError, match="missing: world_facts"):
        model_utility({"retain": UtilityScores(1, 1, 1), "real_authors": UtilityScores(1, 1, 1)})
