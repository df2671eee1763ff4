"""Extraction strength and exact memorization, counted by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.offline.metrics.extraction import exact_memorization, extraction_strength


@pytest.mark.parametrize(
    ("greedy", "strength", "memorized"),
    [
        ([True, True, True, True], 1.0, 1.0),
        ([True, False, True, True], 0.5, 0.75),
        ([False, True, True, True], 0.75, 0.75),
        # As OpenUnlearning's code has it, a last token that is wrong counts as right.
        ([True, True, True, False], 0.25, 0.75),
        ([False], 1.0, 0.0),
    ],
)
def test_by_hand(greedy: list[bool], strength: float, memorized: float) -> None:
    assert extraction_strength(greedy) == strength
    assert exact_memorization(greedy) == memorized


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_strength_is_the_longest_end_that_is_right_but_for_the_last_token(greedy: list[bool]) -> None:
    ends = [given for given in range(len(greedy) - 1) if all(greedy[given:])]
    given_tokens = min(ends, default=len(greedy) - 1)
    assert extraction_strength(greedy) == 1 - given_tokens / len(greedy)


@pytest.mark.parametrize("metric", [exact_memorization, extraction_strength])
def test_an_answer_without_tokens_is_refused(metric) -> None:
    with pytest.raises(ValueError, match="at least one token"):
        metric([])
