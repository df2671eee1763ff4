import json
import random
from collections.abc import Sequence

import pytest

from lethe.classifier.disguises.numbered_pieces import read_numbered

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
        "See the notes (3), (7), (12), (3), (15), (41), (2) and (9) of the book.",
        json.dumps({"apples": 12, "pears": 4, "plums": 30, "figs": 7, "dates": 3, "limes": 19}),
    ],
)
def test_lists_in_their_order_and_other_numbers_are_left_alone(ordinary: str) -> None:
    assert read_numbered(ordinary) is None
