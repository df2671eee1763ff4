from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.traffic.cells import cell_outcomes
from bench.traffic.record import Outcome, Record


class Asked:
    """Numbers from 0, of which every third is left out; those that were asked are kept."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.numbers: list[int] = []

    def requests(self) -> Iterator[int]:
        return iter(range(self.most))

    def ask(self, number: int) -> Outcome:
        self.numbers.append(number)
        return Outcome("docs", "en", left_out=number % 3 == 2, flagged=number == 0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "record.jsonl"


def test_as_many_are_asked_as_are_wanted_beside_those_left_out(path):
    asked = Asked(20)
    found = cell_outcomes(Record(path), "cell", 4, asked.requests, asked.ask)
    assert asked.numbers == [0, 1, 2, 3, 4]
    assert sum(not each.left_out for each in found) == 4


def test_a_run_that_was_cut_off_goes_on(path):
    first, second = Asked(20), Asked(20)
    cell_outcomes(Record(path), "cell", 2, first.requests, first.ask)
    path.write_bytes(path.read_bytes() + b'{"cell": "cel')
    found = cell_outcomes(Record(path), "cell", 6, second.requests, second.ask)
    assert second.numbers == [2, 3, 4, 5, 6, 7]
    assert [each.flagged for each in found] == [True] + 7 * [False]


def test_a_smaller_run_after_a_larger_one_counts_its_own_share(path):
    asked, again = Asked(20), Asked(20)
    cell_outcomes(Record(path), "cell", 6, asked.requests, asked.ask)
    found = cell_outcomes(Record(path), "cell", 2, again.requests, again.ask)
    assert again.numbers == []
    assert len(found) == 2


def test_requests_that_have_ended_are_not_sought_again(path):
    cell_outcomes(Record(path), "cell", 9, Asked(3).requests, Asked(3).ask)

    def sought() -> Iterator[int]:
        raise AssertionError("sought again")

    found = cell_outcomes(Record(path), "cell", 9, sought, Asked(3).ask)
    assert len(found) == 3


def test_what_is_recorded_is_given_without_asking_more(path):
    asked = Asked(20)
    cell_outcomes(Record(path), "cell", 2, Asked(20).requests, Asked(20).ask)
    found = cell_outcomes(Record(path), "cell", 9, asked.requests, asked.ask, more=False)
    assert asked.numbers == []
    assert len(found) == 2


def test_cells_do_not_mix(path):
    cell_outcomes(Record(path), "one", 2, Asked(9).requests, Asked(9).ask)
    assert Record(path).outcomes("two") == []
