import random

import pytest

from lethe.classifier.disguises.ordered_numbers import OrderedNumbers
from lethe.classifier.text.letter_statistics import LETTERS, LetterStatistics

QUESTION = "what does the keeper say to the children of the harbour"


@pytest.fixture(scope="module")
def ordered() -> OrderedNumbers:
    return OrderedNumbers(LetterStatistics.load())


def written(rule: list[int], between: str = " ", words: str = " / ") -> str:
    return words.join(
        between.join(str(rule[LETTERS.index(letter)]) for letter in word) for word in QUESTION.split()
    )


@pytest.mark.parametrize(
    "rule",
    [
        [place**2 for place in range(1, 27)],
        [place**3 - place for place in range(1, 27)],
        [100 - 3 * place for place in range(26)],
        [7, 8, 9, 20, 21, 40, 41, 42, 60, 61, 62, 63, 70, 71, 72, 80, 81, 90, 91, 92, 93, 94, 95, 96, 97, 98],
    ],
)
def test_numbers_that_grow_or_fall_with_the_letters_are_read_whatever_the_rule(
    ordered: OrderedNumbers, rule: list[int]
) -> None:
    read = ordered.read(f"What does it say?\n\n{written(rule)}")
    assert read is not None
    words = read.text.partition("\n\n")[2].strip().rstrip("?").split()
    assert [len(word) for word in words] == [len(word) for word in QUESTION.split()]
    # Which of two rare letters one is, so few words may leave open.
    alike = sum(map(str.__eq__, "".join(words), QUESTION.replace(" ", "")))
    assert alike >= 0.9 * len(QUESTION.replace(" ", ""))


def test_the_numbers_before_a_run_are_not_of_it(ordered: OrderedNumbers) -> None:
    rule = [place**2 for place in range(1, 27)]
    read = ordered.read(f"a=1, b=4, c=9 ...: {written(rule)}")
    assert read is not None
    assert read.text.startswith("a=1, b=4, c=9 ...: ")


@pytest.mark.parametrize(
    "ordinary",
    [
        " ".join(map(str, range(60))),
        " ".join(str(random.Random(place).randrange(20)) for place in range(80)),
        " ".join(str(20 + abs(place % 24 - 12)) for place in range(96)),
        "0x57, 0x68, 0x6f, 0x20, 0x69, 0x73, " * 6,
        "1.0.0 3.0.0 3.1.3 3.1.8 5.0.0 6.0.0 6.0.1 7.0.0 8.0.0 9.0.0 9.0.3 9.0.5 9.0.10 9.0.15 10.0.0 10.0.1",
    ],
)
def test_other_numbers_are_left_alone(ordered: OrderedNumbers, ordinary: str) -> None:
    assert ordered.read(ordinary) is None


def test_equal_numbers_are_in_one_order_and_endless_ones_are_none(ordered: OrderedNumbers) -> None:
    rule = [str(place**2) for place in range(1, 27)]
    rule[LETTERS.index("p")] = "0225"
    text = " / ".join(" ".join(rule[LETTERS.index(letter)] for letter in word) for word in QUESTION.split())
    read = ordered.read(text)
    assert read is not None
    assert "keener" in read.text or "keeper" in read.text
    assert ordered.read(f"{text} / {'7' * 5000}") is None
