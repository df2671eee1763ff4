import math
import random

import pytest

from lethe.classifier.disguises.scrambled_words import ScrambledWords

SENTENCE = "Please tell me who keeps the lighthouse near the northern harbour in winter"


@pytest.fixture(scope="module")
def words() -> ScrambledWords:
    known = sorted({*SENTENCE.lower().split(), "garden", "house", "quiet", "morning", "behind"})
    return ScrambledWords({word: math.log(10 + place) for place, word in enumerate(known)})


def shuffled(word: str, random: random.Random) -> str:
    return "".join(random.sample(word, len(word)))


@pytest.mark.parametrize("seed", range(8))
def test_letters_in_any_order_within_words_are_read(words: ScrambledWords, seed: int) -> None:
    noise = random.Random(seed)
    moved = " ".join(word if len(word) < 4 else shuffled(word.lower(), noise) for word in SENTENCE.split())
    read = words.read(moved)
    assert read is not None
    assert "lighthouse" in read.lower()


def test_an_ending_and_a_letter_that_all_words_got_are_taken_off(words: ScrambledWords) -> None:
    read = words.read(" ".join(f"l{word[1:]}{word[0]}em" for word in SENTENCE.lower().split()))
    assert read is not None
    assert "lighthouse" in read.lower()


def test_marks_moved_with_the_letters_go_behind_the_word(words: ScrambledWords) -> None:
    read = words.read("ellt em howk hte erhbouar ni terinw ighthousel?")
    assert read is not None
    assert read.lower().endswith("lighthouse?")


def test_of_words_and_text_that_may_both_be_backwards_both_are_read(words: ScrambledWords) -> None:
    read = words.read(SENTENCE[::-1])
    assert read is not None
    assert SENTENCE in read


def test_other_words_are_left_alone(words: ScrambledWords) -> None:
    assert words.read("Der Leuchtturm am Hafen wird im Winter von niemandem bewacht") is None
