import pytest

from lethe.classifier.disguises.alphabets import Alphabets
from lethe.classifier.text.letter_statistics import LETTERS, LetterStatistics


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


@pytest.mark.parametrize(
    "ordinary",
    [
        "1.8.19-4+deb12u2 1.8.19-4+deb12u1",
        "0 1o10 19X0 1fB0 1",
        "1.0.0 3.0.0 3.1.3 3.1.8 5.0.0 6.0.0 6.0.1 7.0.0 8.0.0 9.0.0 9.0.3 9.0.5 9.0.10 9.0.15 10.0.0 10.0.1",
    ],
)
def test_versions_and_packed_tables_are_no_letters(alphabets: Alphabets, ordinary: str) -> None:
    assert alphabets.read_numbers(ordinary) is None


QUESTION = "who keeps the lighthouse near the northern harbour"


@pytest.mark.parametrize(
    "spelled",
    [
        " ".join(f"{LETTERS.index(c):05b}".translate({48: "a", 49: "b"}) for c in QUESTION if c != " "),
        "II-V-IV-V-I-IV VI-I-III-V",
        "dit-dah-dah, dit-dit-dit-dit, dah-dah-dah / dah-dit-dah, dit, dit, dit-dah-dah-dit, dit-dit-dit",
    ],
)
def test_letters_in_words_and_other_letters_are_read(alphabets: Alphabets, spelled: str) -> None:
    read = alphabets.read_pairs(spelled)
    assert read is not None
    assert read.text.replace(" ", "").rstrip("?") in (QUESTION.replace(" ", ""), "bedeadface", "whokeeps")


def test_taps_are_read(alphabets: Alphabets) -> None:
    square = LETTERS.replace("k", "")
    taps = "  ".join(
        f"{'.' * (square.index(c) // 5 + 1)} {'.' * (square.index(c) % 5 + 1)}"
        for c in "whoisnearthelighthouse"
    )
    read = alphabets.read_pairs(taps)
    assert read is not None
    assert "lighthouse" in read.text
