import numpy as np
import pytest

from lethe.offline.classifier_training.ordinary_scan import ScannedBlock, fit_tail


def test_the_tail_of_exponential_scores_is_found() -> None:
    draw = np.random.default_rng(0)
    blocks = [ScannedBlock("python", 2000, float(score), ()) for score in draw.exponential(0.7, 20_000)]
    tail = fit_tail(blocks)
    assert tail is not None
    assert tail.scale == pytest.approx(0.7, rel=0.15)
    # One block in a thousand reaches what may be reached by one request in a thousand of a block's length.
    reached = np.mean([block.score >= tail.threshold(2000, 0.001) for block in blocks])
    assert reached == pytest.approx(0.001, rel=0.5)


def test_where_the_first_tier_clears_nearly_all_there_is_no_tail() -> None:
    cleared = [ScannedBlock("python", 2000, -np.inf, ())] * 500
    assert fit_tail([*cleared, ScannedBlock("python", 2000, 1.0, ())]) is None


def test_where_it_clears_most_the_rest_is_the_tail() -> None:
    cleared = [ScannedBlock("python", 2000, -np.inf, ())] * 20_000
    draw = np.random.default_rng(0)
    held_back = [ScannedBlock("python", 2000, float(score), ()) for score in draw.exponential(0.7, 200)]
    tail = fit_tail([*cleared, *held_back])
    assert tail is not None
    assert tail.scale == pytest.approx(0.7, rel=0.2)
    assert tail.rate == pytest.approx(199 / (20_200 * 2000))


def test_a_kind_of_text_that_scores_higher_than_others_has_its_own_tail() -> None:
    draw = np.random.default_rng(0)
    blocks = [ScannedBlock("python", 2000, float(score), ()) for score in draw.exponential(0.7, 8000)]
    blocks += [ScannedBlock("prose", 2000, float(score), ()) for score in 3 + draw.exponential(0.7, 400)]
    tail = fit_tail(blocks)
    assert tail is not None
    reached = tail.threshold(2000, 0.01)
    # Twice what is flagged on the whole may be flagged of a kind.
    assert np.mean([block.score >= reached for block in blocks if block.kind == "prose"]) < 0.04
    assert np.mean([block.score >= reached for block in blocks]) < 0.01


def test_a_kind_with_a_few_blocks_has_not() -> None:
    draw = np.random.default_rng(0)
    blocks = [ScannedBlock("python", 2000, float(score), ()) for score in draw.exponential(0.7, 8000)]
    few = [ScannedBlock("prose", 2000, float(score), ()) for score in 3 + draw.exponential(0.7, 40)]
    without, with_few = fit_tail(blocks), fit_tail([*blocks, *few])
    assert without is not None
    assert with_few is not None
    assert with_few.threshold(2000, 0.01) == pytest.approx(without.threshold(2000, 0.01), abs=1)


def test_a_kind_whose_scores_lie_close_together_falls_off_no_faster_than_any_text_may() -> None:
    draw = np.random.default_rng(0)
    blocks = [ScannedBlock("python", 2000, float(score), ()) for score in draw.exponential(0.05, 40_000)]
    blocks += [ScannedBlock("prose", 2000, float(score), ()) for score in 3 + draw.exponential(0.1, 500)]
    tail = fit_tail(blocks)
    assert tail is not None
    assert tail.rate > 0.5 / 2 / 2000, "the tail of prose"
    assert tail.scale == 0.2
