import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.offline.classifier_calibration.errors import CalibrationError
from lethe.offline.classifier_calibration.rate import check_enough, threshold_at_rate

REACHES = st.lists(st.one_of(st.just(0.0), st.floats(1e-5, 0.999)), min_size=100, max_size=300)


@given(REACHES, st.floats(0.1, 0.9))
def test_no_more_than_the_rate_are_flagged_and_a_lower_threshold_flags_more(
    reach: list[float], rate: float
) -> None:
    threshold = threshold_at_rate(reach, rate, 0.0)
    assert sum(each >= threshold for each in reach) <= rate * len(reach)
    lower = threshold / (threshold + (1 - threshold) * 1.02)
    if lower > 1e-5:
        assert sum(each >= lower for each in reach) > rate * len(reach) - 1


def test_it_is_never_below_what_cleared_texts_are_given() -> None:
    assert threshold_at_rate([0.0] * 1000, 0.01, 0.003) > 0.003


def test_a_rate_asks_for_ten_flagged_requests() -> None:
    check_enough(1000, 0.01)
    message = "999 requests are too few to set a rate of 0.01 by; it takes 1,000; these are enough for 0.01"
    with pytest.raises(CalibrationError, match=re.escape(message)):
        check_enough(999, 0.01)
    with pytest.raises(
        CalibrationError, match=r"0 requests are too few to set a rate of 0\.5 by; it takes 20$"
    ):
        check_enough(0, 0.5)


def test_what_no_threshold_brings_is_refused() -> None:
    with pytest.raises(CalibrationError, match="are flagged at any threshold"):
        threshold_at_rate([1.0] * 100, 0.2, 0.0)
