import math

import numpy as np
import pytest

from lethe.classifier.disguises.scrambled_words import ScrambledWords
from lethe.classifier.disguises.scrambles import Unscrambler
from lethe.classifier.text.letter_statistics import LETTERS, LetterStatistics
from lethe.classifier.text.points import word_bounds

SENTENCE = "Please tell me who keeps the lighthouse near the northern harbour in winter"
WORDS = {*SENTENCE.lower().split(), "garden", "house", "quiet", "morning", "behind"}


@pytest.fixture(scope="module")
def unscrambler() -> Unscrambler:
    words = ScrambledWords({word: math.log(10 + place) for place, word in enumerate(sorted(WORDS))})
    return Unscrambler(LetterStatistics.load(), words, _words_of, lambda run: None)


def _words_of(text: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    starts, ends = word_bounds(text)
    return starts, ends, np.array([word not in WORDS for word in text.split()], bool)


def shifted(text: str, count: int) -> str:
    small = LETTERS[count:] + LETTERS[:count]
    return text.translate(str.maketrans(LETTERS + LETTERS.upper(), small + small.upper()))


@pytest.mark.parametrize("count", range(1, 26))
def test_every_shift_of_the_alphabet_is_read(unscrambler: Unscrambler, count: int) -> None:
    read = unscrambler.read(shifted(SENTENCE, count)).read
    assert read is not None
    assert read.text.strip() == SENTENCE


@pytest.mark.parametrize("width", [2, 3, 5, 7])
def test_letters_written_in_columns_are_put_back(unscrambler: Unscrambler, width: int) -> None:
    moved = "".join(SENTENCE[start::width] for start in range(width))
    read = unscrambler.read(moved).read
    assert read is not None
    assert "lighthouse" in read.text


@pytest.mark.parametrize(
    "disguised",
    [
        " ".join(word[::-1] for word in SENTENCE.split()),
        " ".join(f"{word[1:]}{word[0]}ay" for word in SENTENCE.split()),
        "".join(letter * 2 for letter in SENTENCE),
        "".join(f"{letter}q" if letter.isalpha() else letter for letter in SENTENCE),
        "".join(letter for letter in SENTENCE if letter not in "aeiou"),
    ],
)
def test_words_are_read_back(unscrambler: Unscrambler, disguised: str) -> None:
    read = unscrambler.read(disguised).read
    assert read is not None
    assert "lighthouse" in read.text.lower()


def test_what_was_read_stands_where_the_disguise_stood(unscrambler: Unscrambler) -> None:
    text = f"The garden behind the house: {shifted(SENTENCE, 9)}"
    read = unscrambler.read(text).read
    assert read is not None
    place = read.text.index("lighthouse")
    start, end = read.original_span(place, place + 10)
    assert start >= text.index(":")
    assert end == len(text)


@pytest.mark.parametrize(
    "ordinary",
    [
        "The garden behind the house was quiet in the morning. " * 20,
        "for index in range(len(items)):\n    total += items[index].price * items[index].count\n" * 20,
        "Der Garten hinter dem Haus war am Morgen still, und niemand kam vorbei. " * 20,
        "",
    ],
)
def test_ordinary_text_is_left_alone(unscrambler: Unscrambler, ordinary: str) -> None:
    found = unscrambler.read(ordinary)
    assert found.read is None
    assert not found.left


def test_a_secret_alphabet_is_left_over(unscrambler: Unscrambler) -> None:
    secret = SENTENCE.lower().translate(str.maketrans(LETTERS, "qmwnebrvtcyxuziaospldkfjgh"))
    found = unscrambler.read(secret)
    assert found.read is None
    assert found.left == ((0, len(secret)),)


def test_a_long_word_that_is_unlike_language_in_places_is_left_over_once(unscrambler: Unscrambler) -> None:
    word = ("qzxjvkwxvzq" * 6 + "lighthousegarden" * 3) * 5
    assert unscrambler.read(word).left == ((0, len(word)),)
