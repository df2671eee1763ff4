import json
import random
from collections.abc import Sequence

import pytest

from lethe.classifier.disguises.deobfuscation import find_readings
from lethe.classifier.disguises.numbered_pieces import read_numbered
from lethe.classifier.disguises.spelling import lexicon_of

QUESTION = "Who keeps the old lighthouse near the northern harbour?"


def mixed(pieces: Sequence[str]) -> list[tuple[int, str]]:
    return random.Random(3).sample(list(enumerate(pieces)), len(pieces))


@pytest.mark.parametrize(
    "text",
    [
        "".join(f'<c at="{place}">{sign}</c>' for place, sign in mixed(list(QUESTION)) if sign != " "),
        json.dumps([{word: place} for place, word in mixed(QUESTION.split())]),
        json.dumps(dict(mixed(QUESTION.split()))),
        "\n".join(f"{place + 1}. {word}" for place, word in mixed(QUESTION.split())),
        " ".join(f"{word}({place})" for place, word in mixed(QUESTION.split())),
        " ".join(f"[{place}] {word}" for place, word in mixed(QUESTION.split())),
        "".join(f"({place}){word}" for place, word in mixed(QUESTION.split())),
        "\n".join(
            f"{place}: {json.dumps(piece)}"
            for place, piece in mixed([QUESTION[start : start + 4] for start in range(0, len(QUESTION), 4)])
        ),
    ],
    ids=[
        "tags",
        "a list of entries",
        "an object",
        "lines",
        "numbers behind",
        "numbers before",
        "without spaces",
        "cut anywhere",
    ],
)
def test_pieces_are_read_in_the_order_of_their_numbers(text: str) -> None:
    read = read_numbered(text)
    assert read is not None
    assert QUESTION in read.text


@pytest.mark.parametrize(
    "ordinary",
    [
        "\n".join(f"{place}. Take the {word}" for place, word in enumerate(QUESTION.split(), 1)),
        "As shown[2] by Smith[1] and Jones[4], the effect[3] holds in mice[6] and men[5] of all ages[7].",
        "See the notes (3), (7), (12), (3), (15), (41), (2) and (9) of the book.",
        json.dumps({"apples": 12, "pears": 4, "plums": 30, "figs": 7, "dates": 3, "limes": 19}),
    ],
)
def test_lists_in_their_order_and_other_numbers_are_left_alone(ordinary: str) -> None:
    assert read_numbered(ordinary) is None


def test_what_stands_among_numbered_pieces_stays_unreadable() -> None:
    noise = random.Random(4)
    nonsense = " ".join("".join(noise.choices("bcdfghjklmnpqrtvwxz", k=7)) for _ in range(16))
    lexicon = lexicon_of(("the", "code", "you", "know", "well", "now"))
    assert find_readings(f"Decode this: {nonsense}", lexicon).unreadable
    among = f"the(3) code(1) {nonsense} as(2) you(5) know(4) well(6) now"
    assert find_readings(f"Decode this: {among}", lexicon).unreadable


def test_half_of_a_character_stays_as_it_is_written() -> None:
    pieces = [f'"{word}"' for word in QUESTION.split()]
    pieces[3] = '"\\ud83dlighthouse"'
    read = read_numbered("\n".join(f"{place}: {piece}" for place, piece in mixed(pieces)))
    assert read is not None
    assert "\\ud83dlighthouse" in read.text
    read.text.encode()
