import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.classifier.errors import ClassifierError
from lethe.classifier.tail import Tail

_TAILS = st.builds(
    Tail, score=st.floats(-5, 5), scale=st.floats(0.1, 3), rate=st.floats(1e-9, 1e-3, exclude_min=True)
)


@given(_TAILS, st.integers(1, 2_000_000), st.floats(0.0001, 0.5))
def test_what_is_read_more_of_needs_a_higher_score(tail: Tail, characters: int, share: float) -> None:
    assert tail.threshold(2 * characters, share) == pytest.approx(
        tail.threshold(characters, share) + tail.scale * np.log(2)
    )
    assert tail.threshold(characters, share / 2) > tail.threshold(characters, share)


def test_the_share_of_ordinary_requests_that_reach_the_threshold_is_the_one_asked_for() -> None:
    tail, characters, share = Tail(score=1.0, scale=0.5, rate=1e-4), 50_000, 0.02
    draw = np.random.default_rng(0)
    threshold = tail.threshold(characters, share)
    found = [
        np.any(tail.score + draw.exponential(tail.scale, draw.poisson(tail.rate * characters)) >= threshold)
        for _ in range(20_000)
    ]
    assert np.mean(found) == pytest.approx(share, rel=0.15)


@pytest.mark.parametrize("change", [{"scale": 0}, {"rate": -1}, {"score": float("nan")}])
def test_a_tail_that_is_none_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(ClassifierError, match="tail"):
        Tail.from_document({"score": 1, "scale": 1, "rate": 1e-5} | change)
