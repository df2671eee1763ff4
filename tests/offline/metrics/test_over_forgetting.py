"""Over-forgetting, by hand."""

import pytest

from lethe.offline.metrics.over_forgetting import over_forgetting


def test_only_what_was_answered_before_can_be_lost() -> None:
    # Answered before: the first three, of which the second is lost; the fourth, gained, makes up for nothing.
    assert over_forgetting([1.0, 0.6, 0.5, 0.1], [0.9, 0.2, 0.5, 1.0]) == pytest.approx(1 / 3)
    assert over_forgetting([1.0, 0.6], [0.9, 0.2], answered_from=0.8) == 0.0


def test_nothing_can_be_said_where_nothing_was_known() -> None:
    with pytest.raises(ValueError, match="0 of the former"):
        over_forgetting([0.1], [0.9])
