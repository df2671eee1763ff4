"""The search, before detectors whose margins are written down."""

import random
from collections.abc import Sequence

import pytest

from lethe.offline.attacks.search import SearchLimits, rank_words, search

pytestmark = pytest.mark.anyio
WORDS = ("harmless", "tax", "tennis", "bread", "Python", "wine")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Additive:
    """A detector that counts words, some of them negative, and remembers what it was asked."""

    def __init__(self, start: float, **weights: float) -> None:
        self.start = start
        self.weights = weights
        self.asked: list[str] = []

    async def __call__(self, texts: Sequence[str]) -> list[float]:
        self.asked += texts
        return [
            self.start + sum(self.weights.get(word.strip("?"), 0) for word in text.split()) for text in texts
        ]


async def test_words_that_lower_the_margin_are_put_together_until_it_passes() -> None:
    detector = Additive(2.0, tax=-1.0, tennis=-0.9, bread=-0.5)
    found = await search("Who keeps it?", detector, WORDS, SearchLimits(60), random.Random(0))
    assert found.plain == 2.0
    assert found.best.passes
    assert found.first_pass is not None
    assert found.first_pass <= found.queries <= 60
    assert found.best.added == sum(word in found.best.text for word in WORDS) == 3


async def test_no_wording_is_asked_twice_and_the_budget_is_kept() -> None:
    detector = Additive(50.0, tax=-0.1)
    found = await search("Who keeps it?", detector, WORDS, SearchLimits(25), random.Random(1))
    assert not found.best.passes
    assert found.first_pass is None
    assert len(detector.asked) == len(set(detector.asked)) <= 25


async def test_no_more_words_are_added_than_may_be() -> None:
    detector = Additive(9.0, **dict.fromkeys(WORDS, -1.0))
    found = await search("Who keeps it?", detector, WORDS, SearchLimits(200, added=2), random.Random(0))
    assert found.best.added == 2
    assert found.best.margin == 7.0


async def test_what_is_not_flagged_costs_one_query() -> None:
    found = await search("Who?", Additive(-1.0), WORDS, SearchLimits(9), random.Random(0))
    assert (found.queries, found.first_pass, found.best.text) == (1, 1, "Who?")


async def test_words_are_ranked_by_what_they_do_to_other_questions() -> None:
    detector = Additive(0.0, tennis=-2.0, wine=-1.0, Python=0.5)
    ranked = await rank_words(["Who keeps it?", "When?"], detector, WORDS)
    assert ranked[:2] == ["tennis", "wine"]
    assert ranked[-1] == "Python"
    assert len(detector.asked) == 2 + 2 * len(WORDS)
