import numpy as np
from numpy.typing import NDArray

from lethe.offline.text_models.odd_limits import ALARMED, learned_limits


def test_no_kind_has_more_than_few_texts_that_reach_a_limit() -> None:
    noise = np.random.default_rng(0)
    kinds = ["prose"] * 3000 + ["tables"] * 1000
    # Tables are odder, and longer texts have more windows.
    oddest = noise.normal([[[0.0, 1.0]], [[3.0, 4.0]]], 2, (2, 2, 2))[[0] * 3000 + [1] * 1000]
    oddest = (noise.normal(oddest, 2) + np.array([[0], [1]])).astype(np.float32)
    limits = learned_limits(oddest, kinds)
    odd: NDArray[np.bool_] = np.any(oddest >= limits, axis=2)
    for of_it in (slice(3000), slice(3000, 4000)):
        assert (odd[of_it].mean(axis=0) <= ALARMED).all()
    # As many as may be, of the kind that has most.
    assert odd[3000:].mean(axis=0).max() > ALARMED / 2


def test_a_size_that_short_texts_have_no_windows_of_has_the_limit_of_longer_ones() -> None:
    noise = np.random.default_rng(0)
    oddest = noise.normal(size=(400, 2, 2)).astype(np.float32)
    oddest[:, 0, 1] = -np.inf
    limits = learned_limits(oddest, ["prose"] * 400)
    assert np.isfinite(limits).all()
    assert limits[0, 1] == limits[1, 1]


def test_a_longer_text_never_asks_for_less() -> None:
    noise = np.random.default_rng(0)
    oddest = noise.normal(size=(400, 2, 1)).astype(np.float32)
    oddest[:, 1] -= 9
    limits = learned_limits(oddest, ["prose"] * 400)
    assert limits[0] == limits[1]
