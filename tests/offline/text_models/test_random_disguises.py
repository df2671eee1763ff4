import random

import pytest

from lethe.offline.text_models.odd_negatives import odd_ordinary_text
from lethe.offline.text_models.random_disguises import FAMILIES, Family, disguised

QUESTION = "Which river flows through the old town of Lisbon, and who built the bridge?"
WORDS = [
    first + middle + last
    for first in "abcdefghijklmnopqrstuvwxyz"
    for middle in ("an", "ol", "ir")
    for last in ("t", "der", "me")
]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_makes_disguises_that_differ(family: Family) -> None:
    noise = random.Random(0)
    made = [disguised(QUESTION, WORDS, noise, family) for _ in range(60)]
    assert all(text and text != QUESTION for text, _ in made)
    assert len({text for text, _ in made}) > 50
    assert all(families[-1] == family for _, families in made)


def test_a_seed_decides_what_is_made() -> None:
    for make in (
        lambda noise: disguised(QUESTION, WORDS, noise, "tokens"),
        lambda noise: odd_ordinary_text(noise, WORDS),
    ):
        assert make(random.Random(3)) == make(random.Random(3))


def test_odd_ordinary_texts_are_of_many_kinds() -> None:
    noise = random.Random(0)
    made = [odd_ordinary_text(noise, WORDS) for _ in range(200)]
    assert all(made)
    assert len(set(made)) > 190
