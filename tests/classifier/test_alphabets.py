import pytest

from lethe.classifier.alphabets import Alphabets
from lethe.classifier.letter_statistics import LETTERS, LetterStatistics


@pytest.fixture(scope="module")
def alphabets() -> Alphabets:
    return Alphabets(LetterStatistics.load())


@pytest.mark.parametrize("signs", [".-", "·−", "-."])
def test_dots_and_dashes_are_read_either_way_round(alphabets: Alphabets, signs: str) -> None:
    morse = ".-- .... --- / -.- . . .--. ... / - .... . / .-.. .. --. .... -"
    read = alphabets.read_signs(morse.translate(str.maketrans(".-", signs)))
    assert read is not None
    assert read.text.strip() == "who keeps the light?"


def test_letters_by_number_are_read(alphabets: Alphabets) -> None:
    numbers = " ".join(
        "-".join(str(LETTERS.index(c) + 1) for c in word) for word in ("who", "keeps", "the", "light")
    )
    read = alphabets.read_numbers(numbers)
    assert read is not None
    assert read.text.strip() == "who keeps the light?"


def test_spelled_letters_are_read(alphabets: Alphabets) -> None:
    read = alphabets.read_spoken("Lima India Golf Hotel Tango Hotel Oscar Uniform Sierra Echo")
    assert read is not None
    assert read.text.strip() == "lighthouse?"


@pytest.mark.parametrize(
    "ordinary", ["| --- | --- | --- |", "- one\n- two\n- three", ". . . . . . .", "1 2 3 4 5 6 7 8 9"]
)
def test_rules_and_lists_are_left_alone(alphabets: Alphabets, ordinary: str) -> None:
    assert alphabets.read_signs(ordinary) is None
    assert alphabets.read_numbers(ordinary) is None
