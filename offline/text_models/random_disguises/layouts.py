"""A text in pieces: grids, variables, records, places. Knows nothing about classifiers."""

import json
import random

from lethe.offline.text_models.random_disguises.signs import SMALL, prepared


def grid(text: str, noise: random.Random) -> str:
    text, width = prepared(text, noise), noise.randrange(3, 16)
    between = noise.choice((" ", "|", " | ", "\t", ",", ", ", ""))
    rows = [text[at : at + width].ljust(width, noise.choice(" .-_")) for at in range(0, len(text), width)]
    if noise.random() < 0.4:
        rows = ["".join(column) for column in zip(*rows, strict=True)]
    if noise.random() < 0.2:
        rows = [row[::-1] if at % 2 else row for at, row in enumerate(rows)]
    edge = noise.choice(("", "", "|", "| "))
    return "\n".join(edge + between.join(row) + edge for row in rows)


def pieces(text: str, noise: random.Random) -> str:
    """Pieces of some signs in variables, keys, elements or notes, in disorder."""
    size, name = noise.randrange(2, 9), "".join(noise.choices(SMALL, k=noise.randrange(1, 6)))
    pieces = list(enumerate((text[at : at + size] for at in range(0, len(text), size)), noise.randrange(2)))
    ordered = list(pieces)
    if noise.random() < 0.7:
        noise.shuffle(pieces)
    kind = noise.randrange(6)
    if kind == 0:
        made = "\n".join(f"{name}{place} = {json.dumps(piece)}" for place, piece in pieces)
        return made + (
            f"\nprint({' + '.join(f'{name}{place}' for place, _ in ordered)})" if noise.random() < 0.6 else ""
        )
    if kind == 1:
        return json.dumps({f"{name}{place}": piece for place, piece in pieces})
    if kind == 2:
        return "".join(f'<{name} n="{place}">{piece}</{name}>' for place, piece in pieces)
    if kind == 3:
        return "\n".join(f"{place}{noise.choice(('.', ')', ':'))} {piece}" for place, piece in pieces)
    if kind == 4:
        return json.dumps([piece for _, piece in ordered])
    return "&".join(f"{name}{place}={piece}" for place, piece in pieces)


def records(text: str, noise: random.Random) -> str:
    """A row for each letter with its place, in order or not."""
    rows = list(enumerate(text, noise.randrange(2)))
    if noise.random() < 0.6:
        noise.shuffle(rows)
    form = noise.choice(
        (
            "{0},{1}",
            "{0}: {1}",
            '{{"i": {0}, "c": "{1}"}}',
            "({0}, '{1}')",
            "{1}@{0}",
            "{1}{0}",
            "s[{0}]='{1}'",
            '<c i="{0}">{1}</c>',
            "{0} -> {2} [{1}]",
        )
    )
    return noise.choice(("\n", ", ", " ", "; ", "")).join(
        form.format(place, sign, place + 1) for place, sign in rows
    )


def indexed(text: str, noise: random.Random) -> str:
    """Signs of a string that is told, by their places."""
    signs = noise.sample(sorted(set(text)), len(set(text)))
    name, between = noise.choice(SMALL), noise.choice((" + ", ",", " ", ""))
    places = between.join(f"{name}[{signs.index(sign)}]" for sign in text)
    if noise.random() < 0.5:
        return f"{json.dumps(signs)}\n{json.dumps([signs.index(sign) for sign in text])}"
    return f"{name} = {json.dumps(''.join(signs))}\n{places}"


def lines_of_letters(text: str, noise: random.Random) -> str:
    size = noise.choice((1, 1, 2, 3))
    text = prepared(text, noise)
    return "\n".join(text[at : at + size] for at in range(0, len(text), size))
