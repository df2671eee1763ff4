import itertools

import numpy as np
import pytest

from lethe.classifier.disguises.orders import keyed_orders, orders


@pytest.mark.parametrize("length", [12, 37, 96, 250])
def test_every_order_has_every_place_once(length: int) -> None:
    for found in (orders(length), keyed_orders(length)):
        assert len(found)
        assert all(
            sorted(order) == list(range(length)) for order in found[:: max(len(found) // 20, 1)].tolist()
        )


@pytest.mark.parametrize("length", [35, 38])
@pytest.mark.parametrize("sequence", [(2, 0, 1), (4, 1, 0, 3, 2)])
def test_columns_in_any_sequence_are_among_them(length: int, sequence: tuple[int, ...]) -> None:
    text = "".join(itertools.islice(itertools.cycle("abcdefghijklmnopqrstuvwxyz0123456789"), length))
    moved = "".join(text[column :: len(sequence)] for column in sequence)
    assert text in {"".join(moved[place] for place in order) for order in keyed_orders(length).tolist()}


def test_rows_in_any_sequence_are_among_them() -> None:
    text = "abcdefghijklmnopqrst"
    moved = "".join(text[start + place] for start in range(0, 20, 4) for place in (2, 3, 1, 0))
    assert text in {"".join(moved[place] for place in order) for order in keyed_orders(20).tolist()}


@pytest.mark.parametrize("length", [12, 37, 250])
def test_an_order_and_the_beginnings_of_all_are_those_of_the_whole(length: int) -> None:
    whole = keyed_orders(length)
    np.testing.assert_array_equal(keyed_orders(length, np.arange(10)), whole[:, :10])
    numbers = np.array([len(whole) // 2, 0, len(whole) - 1, 7])
    np.testing.assert_array_equal(keyed_orders(length, numbers=numbers), whole[numbers])
