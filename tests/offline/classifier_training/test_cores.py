from hypothesis import given
from hypothesis import strategies as st

from lethe.offline.classifier_training.cores import on_all_cores


@given(st.lists(st.integers()))
def test_outcomes_come_in_the_order_of_the_items_and_are_counted(items: list[int]) -> None:
    told: list[tuple[int, int]] = []
    outcomes = on_all_cores(lambda item: item * 2, items, lambda done, total: told.append((done, total)))
    assert outcomes == [item * 2 for item in items]
    assert told == [(done, len(items)) for done in range(1, len(items) + 1)]
