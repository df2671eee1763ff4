"""A token for each letter, in a table that is told or not. Knows nothing about classifiers."""

import itertools
import random
import string
from collections.abc import Sequence

from lethe.offline.text_models.random_disguises.signs import (
    BETWEEN,
    CONSONANTS,
    SMALL,
    UNBROKEN,
    VOWELS,
    alphabet_of_block,
    in_base,
)

_BETWEEN_WORDS = (" / ", "  ", " ", "\n", " | ", ". ", " - ", "   ", ", ", " 0 ", "//", " # ")


def tokens(text: str, noise: random.Random, words: Sequence[str]) -> str:
    """A token for each letter: numbers by a rule, digits of some base, words, syllables, signs, in a table told or not."""
    table = dict(zip(SMALL, _token_table(noise, words), strict=True))
    between, words_between = noise.choice(BETWEEN), noise.choice(_BETWEEN_WORDS)
    if between == "" and len({*map(len, table.values())}) > 1:
        between = " "
    split = ([each for each in word if each in table] for word in text.lower().split())
    made = words_between.join(between.join(table[each] for each in word) for word in split if word)
    if noise.random() < 0.3:
        arrow, comma = noise.choice(("=", " = ", ": ", " -> ", "→")), noise.choice((", ", "; ", "\n", " "))
        told = comma.join(f"{letter}{arrow}{token}" for letter, token in table.items())
        return f"{told}\n\n{made}" if noise.random() < 0.7 else f"{made}\n\n{told}"
    return made


def _token_table(noise: random.Random, words: Sequence[str]) -> list[str]:
    kind = noise.randrange(9)
    if kind == 0:
        a, b, power = noise.randrange(1, 12), noise.randrange(0, 40), noise.choice((1, 1, 1, 2))
        order = range(1, 27) if noise.random() < 0.7 else range(26, 0, -1)
        return [str(a * place**power + b) for place in order]
    if kind == 1:
        return list(map(str, noise.sample(range(10 ** noise.randrange(2, 4)), 26)))
    if kind == 2:
        return [in_base(place + noise.randrange(1), *_base_and_signs(noise)) for place in range(1, 27)]
    if kind == 3:
        base, signs, width = _base_and_signs(noise)
        return [in_base(place, base, signs, width) for place in range(1, 27)]
    if kind == 4:
        return noise.sample(list(words), 26)
    if kind == 5:
        beginning = "".join(noise.sample(SMALL, 26))
        by_letter = [[word for word in words if word[:1].lower() == letter] for letter in SMALL]
        return [noise.choice(found) if found else beginning[at] for at, found in enumerate(by_letter)]
    if kind == 6:
        syllables = [c + v + e for c in CONSONANTS for v in VOWELS for e in ("", "n", "k")]
        return noise.sample(syllables, 26)
    if kind == 7:
        return alphabet_of_block(noise)
    rows, columns = noise.sample(UNBROKEN, 6), noise.sample(UNBROKEN, 6)
    return [rows[place // 6] + columns[place % 6] for place in range(26)]


def _base_and_signs(noise: random.Random) -> tuple[int, Sequence[str], int]:
    base = noise.choice((2, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16))
    kind = noise.randrange(4)
    if kind < 2:
        signs: Sequence[str] = string.digits + SMALL
    elif kind == 2:
        signs = noise.sample(string.ascii_letters + "!?#*+-.=_/|~^", base)
    else:
        signs = alphabet_of_block(noise, 26)[:base]
    return base, signs, next(width for width in itertools.count(1) if base**width >= 27)
