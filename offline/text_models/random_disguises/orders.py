"""Letters in another order, by a rule. Knows nothing about classifiers."""

import random
import re

from lethe.offline.text_models.random_disguises.signs import VOWELS, prepared


def columns(text: str, noise: random.Random) -> str:
    text, width = prepared(text, noise), noise.randrange(2, 13)
    columns = [text[at::width] for at in range(width)]
    if noise.random() < 0.5:
        noise.shuffle(columns)
    if noise.random() < 0.2:
        columns = [column[::-1] if at % 2 else column for at, column in enumerate(columns)]
    return noise.choice(("", "", "", " ", "\n", "/")).join(columns)


def blocks(text: str, noise: random.Random) -> str:
    text, size = prepared(text, noise), noise.randrange(2, 16)
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    kind, order = noise.randrange(4), noise.sample(range(size), size)
    if kind == 0:
        pieces = [piece[::-1] for piece in pieces]
    elif kind == 1:
        pieces = [piece[::-1] if at % 2 else piece for at, piece in enumerate(pieces)]
    elif kind == 2:
        pieces = ["".join(piece[at] for at in order if at < len(piece)) for piece in pieces]
    else:
        pieces = [piece[1:] + piece[:1] for piece in pieces]
    return noise.choice(("", "", "", "\n", " ", "|")).join(pieces)


def strided(text: str, noise: random.Random) -> str:
    text = prepared(text, noise)
    step = noise.randrange(2, 12)
    while len(text) % step == 0 and step > 1:
        step -= 1
    step = max(step, 1)
    order = [at * step % len(text) for at in range(len(text))] if len(text) % step else range(len(text))[::-1]
    return "".join(text[at] for at in dict.fromkeys(order))


def shuffled_by_rule(text: str, noise: random.Random) -> str:
    """A square read along spirals, diagonals, snakes or columns."""
    text = prepared(text, noise)
    width = noise.randrange(4, 14)
    rows = [text[at : at + width].ljust(width, noise.choice(" .x_")) for at in range(0, len(text), width)]
    places = [(row, column) for row in range(len(rows)) for column in range(width)]
    a, b = noise.choice(((1, 1), (1, -1), (0, 1), (2, 1), (1, 2)))
    places.sort(
        key=lambda place: (a * place[0] + b * place[1], place[0] if (place[0] + place[1]) % 2 else -place[0])
    )
    made = "".join(rows[row][column] for row, column in places)
    if noise.random() < 0.3:
        return "\n".join(made[at : at + width] for at in range(0, len(made), width))
    return made


def within_words(text: str, noise: random.Random) -> str:
    """Letters of each word in another order, by a rule that is the same for all."""
    step, kind, extra = (
        noise.randrange(1, 5),
        noise.randrange(5),
        noise.choice(("", "", *VOWELS, "ay", "em", "ix")),
    )

    def changed(match: re.Match[str]) -> str:
        word = match[0]
        if kind == 0:
            return word[::-1] + extra
        if kind == 1:
            return word[step:] + word[:step] + extra
        if kind == 2:
            return word[1::2] + word[::2] + extra
        if kind == 3:
            return word[::2] + word[1::2][::-1] + extra
        half = len(word) // 2
        return word[half:] + extra + word[:half]

    return re.sub(r"\w+", changed, prepared(text, noise))
