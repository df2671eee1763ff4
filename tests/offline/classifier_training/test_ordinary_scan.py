import numpy as np
import pytest

from lethe.offline.classifier_training.ordinary_scan import ScannedBlock, fit_tail


def test_the_tail_of_exponential_scores_is_found() -> None:
    draw = np.random.default_rng(0)
    blocks = [ScannedBlock(2000, float(score), ()) for score in draw.exponential(0.7, 20_000)]
    tail = fit_tail(blocks)
    assert tail is not None
    assert tail.scale == pytest.approx(0.7, rel=0.15)
    # One block in a thousand reaches what may be reached by one request in a thousand of a block's length.
    reached = np.mean([block.score >= tail.threshold(2000, 0.001) for block in blocks])
    assert reached == pytest.approx(0.001, rel=0.5)


def test_where_the_first_tier_clears_nearly_all_there_is_no_tail() -> None:
    cleared = [ScannedBlock(2000, -np.inf, ())] * 500
    assert fit_tail([*cleared, ScannedBlock(2000, 1.0, ())]) is None


def test_where_it_clears_most_the_rest_is_the_tail() -> None:
    cleared = [ScannedBlock(2000, -np.inf, ())] * 20_000
    draw = np.random.default_rng(0)
    held_back = [ScannedBlock(2000, float(score), ()) for score in draw.exponential(0.7, 200)]
    tail = fit_tail([*cleared, *held_back])
    assert tail is not None
    assert tail.scale == pytest.approx(0.7, rel=0.2)
    assert tail.rate == pytest.approx(199 / (20_200 * 2000))
