"""What a second look leaves of prompts, and what is learned from it."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.encoders.registry import EncoderRegistry
from lethe.classifier.head import Head, SecondLookLimits, load_head
from lethe.offline.classifier_hardening.leftovers import direction_between, learned_direction, leftovers

SHIPPED = Path(__file__).resolve().parents[3] / "targets" / "harry-potter" / "classifier"
CLUB = "Which club does Harry Maguire play for?"
NEAR = [
    CLUB,
    "Which cases does Harry Bosch solve?",
    "How bright is the star Sirius?",
    "Who was Sirius in astronomy?",
]
# Hardly about the target as they stand, with words that were put among theirs.
DILUTED = [
    "What item as in Game of Thrones photosynthesis Harry and Star Trek Hermione leave on top of the tower?",
    "What Norway Harry give the owl for delivering newspaper?",
    "in Python Who did Draco as in Star Wars eventually marry airport?",
]
ABOVE_DILUTED = 0.7


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return EncoderRegistry("use-multilingual-v3", "int8").of_head(SHIPPED)


@pytest.fixture(scope="module")
def head() -> Head:
    """The shipped head with a threshold just above the diluted prompts, and a second look that is taken at nearly everything."""
    shipped = load_head(SHIPPED)
    limits = SecondLookLimits(shipped.calibration.score(ABOVE_DILUTED) + 1, -10.0, -10.0)
    return replace(shipped, threshold=ABOVE_DILUTED, second_look=limits)


def test_words_that_speak_against_the_target_are_left_out(encoder: Encoder, head: Head) -> None:
    [left] = leftovers(encoder, head, [CLUB])
    assert "Harry" in left.text.split()
    assert "Maguire" not in left.text
    assert set(left.text.split()) < set(CLUB.split())
    assert left.margin > 0


def test_nothing_is_left_of_what_is_flagged_or_long_or_far(encoder: Encoder, head: Head) -> None:
    flagged = "Who is Severus Snape?"
    page = f"{CLUB} " + "The council opened the new library on a rainy day in spring. " * 5
    assert leftovers(encoder, head, [flagged, page, "Sort a list of numbers in Python.", ""]) == []


def test_a_direction_tells_what_is_left_of_some_from_what_is_left_of_others(
    encoder: Encoder, head: Head
) -> None:
    about, others = leftovers(encoder, head, DILUTED), leftovers(encoder, head, NEAR)
    assert len(about) >= 2
    assert len(others) >= 3
    change = direction_between(head, about, others) - head.direction
    assert min(left.embedding @ change for left in about) > max(left.embedding @ change for left in others)


def test_too_little_that_is_left_teaches_nothing(encoder: Encoder, head: Head) -> None:
    assert learned_direction(encoder, head, DILUTED, NEAR, random.Random(0)) is None
