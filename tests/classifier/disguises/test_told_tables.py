import random

import pytest

from lethe.classifier.disguises.told_tables import ToldTables
from lethe.classifier.text.letter_statistics import LETTERS, LetterStatistics

QUESTION = "who keeps the lighthouse near the northern harbour"
NUMBERS = dict(zip(LETTERS, map(str, random.Random(0).sample(range(10, 99), 26)), strict=True))
WORDS = dict(
    zip(
        LETTERS,
        [
            "market",
            "village",
            "apples",
            "bread",
            "cheese",
            "flowers",
            "children",
            "stalls",
            "violin",
            "fountain",
            "river",
            "garden",
            "window",
            "ladder",
            "candle",
            "basket",
            "hammer",
            "pencil",
            "mirror",
            "carpet",
            "bottle",
            "kettle",
            "saddle",
            "bucket",
            "needle",
            "anchor",
        ],
        strict=True,
    )
)


@pytest.fixture(scope="module")
def tables() -> ToldTables:
    return ToldTables(LetterStatistics.load())


def spelled(signs: dict[str, str], between: str, words: str) -> str:
    return words.join(between.join(map(signs.__getitem__, word)) for word in QUESTION.split())


@pytest.mark.parametrize(
    "text",
    [
        ", ".join(f"{letter} = {sign}" for letter, sign in NUMBERS.items()) + "\n\n" + spelled(NUMBERS, " ", "   "),
        ", ".join(f"{sign} -> {letter}" for letter, sign in NUMBERS.items()) + "\n\n" + spelled(NUMBERS, "", "  "),
        "\n".join(f"{letter}: {sign}" for letter, sign in WORDS.items()) + "\n\n" + spelled(WORDS, " ", " . "),
        str(WORDS) + "\n" + spelled(WORDS, " ", " / "),
        spelled(NUMBERS, " ", " / ") + "\n\nwhere " + " ".join(f"{a}={b}" for a, b in NUMBERS.items()) + ".",
    ],
    ids=["numbers", "numbers without gaps", "words", "a dictionary", "the table behind it"],
)  # fmt: skip
def test_signs_are_read_by_the_table_that_a_text_tells(tables: ToldTables, text: str) -> None:
    read = tables.read(text)
    assert read is not None
    assert QUESTION in read.text


def test_a_letter_may_have_several_signs(tables: ToldTables) -> None:
    noise = random.Random(1)
    numbers = noise.sample(range(100, 204), 104)
    signs = {
        letter: list(map(str, numbers[4 * place : 4 * place + 4])) for place, letter in enumerate(LETTERS)
    }
    table = "\n".join(f"{letter}: {' '.join(each)}" for letter, each in signs.items())
    text = " / ".join(" ".join(noise.choice(signs[letter]) for letter in word) for word in QUESTION.split())
    read = tables.read(f"{table}\n\n{text}")
    assert read is not None
    assert QUESTION in read.text


def test_letters_that_are_not_told_stay(tables: ToldTables) -> None:
    plain, turned = "aehilnorstuw", "ehilnorstuwa"
    table = ", ".join(f"{one} -> {other}" for one, other in zip(plain, turned, strict=True))
    written = QUESTION.translate(str.maketrans(plain, turned))
    read = tables.read(f"In our language: {table}.\n\n{written}\n\nRead the line above.")
    assert read is not None
    assert read.text.endswith(f"{QUESTION}\n\nRead the line above.")


@pytest.mark.parametrize(
    "ordinary",
    [
        "\n".join(f"{letter}: {letter * 3}" for letter in "abcdefghijkl") + "\n\nWhich of these is right?",
        "x = 1; y = 2; z = x + y; a = b; c = d; e = f; g = h; i = j; k = l; m = n; o = p; q = r\nprint(x, y, z)",
        "A: 12 B: 14 C: 19 D: 22 E: 25 F: 31 G: 40 H: 41 I: 45 J: 50 K: 52\nThe group with the highest mean is K.",
    ],
)
def test_answers_to_choose_from_and_code_are_left_alone(tables: ToldTables, ordinary: str) -> None:
    assert tables.read(ordinary) is None


def test_a_table_and_what_it_spells_may_be_in_capitals(tables: ToldTables) -> None:
    turned = LETTERS[7:] + LETTERS[:7]
    table = ", ".join(f"{one} = {other}" for one, other in zip(LETTERS.upper(), turned.upper(), strict=True))
    read = tables.read(f"{table}\n\n{QUESTION.translate(str.maketrans(turned, LETTERS)).upper()}")
    assert read is not None
    assert read.text.endswith(QUESTION)


def test_signs_that_begin_with_one_another_are_parted_in_one_way(tables: ToldTables) -> None:
    dashes = "".join(f"{letter}: {'-' * (20 + place)}\n" for place, letter in enumerate("abcde"))
    others = "".join(f"{letter}: x{place}\n" for place, letter in enumerate("fghijk"))
    assert tables.read(f"{dashes}{others}\nQ\n{'-' * 400}") is None
