"""Disguises that nobody named: random operations on letters, bytes, order and layout, one or two in a row, random in each part.

What a detector of disguises learns from, so that it learns of kinds of operations rather than of ciphers. Each family, a module,
can be left out, to measure on what was never trained on. Knows nothing about classifiers.
"""

import random
from collections.abc import Callable, Sequence
from typing import Literal, get_args

from lethe.offline.text_models.random_disguises import (
    byte_digits,
    carriers,
    insertions,
    layouts,
    orders,
    substitutions,
    tokens,
)

Family = Literal["substituted", "tokens", "bytes", "permuted", "inserted", "laid out", "carried"]
FAMILIES: tuple[Family, ...] = get_args(Family)
Operation = Callable[[str, random.Random], str]

# How often something was done to the letters before, and what.
_TWICE = 0.2
_FIRST: tuple[Family, ...] = ("permuted", "inserted", "substituted")


def disguised(
    text: str, words: Sequence[str], noise: random.Random, family: Family
) -> tuple[str, tuple[Family, ...]]:
    """A text in a disguise, and the families of its operations, one or two, the wanted one last.

    Parameters
    ----------
    words
        Ordinary words, for what hides letters among them or stands for letters.
    """
    families: tuple[Family, ...] = (family,)
    if noise.random() < _TWICE:
        # What is told letter by letter needs letters that it knows.
        families = (noise.choice(_FIRST[:-1] if family in ("tokens", "carried") else _FIRST), family)
    for each in families:
        operations, weights = zip(*_operations(words)[each], strict=True)
        text = noise.choices(operations, weights)[0](text, noise)
    return text, families


def _operations(words: Sequence[str]) -> dict[Family, list[tuple[Operation, float]]]:
    def with_words(operation: Callable[[str, random.Random, Sequence[str]], str]) -> Operation:
        return lambda text, noise: operation(text, noise, words)

    return {
        "substituted": [
            (substitutions.one_alphabet, 3),
            (substitutions.many_alphabets, 2),
            (substitutions.other_script, 3),
            (substitutions.some_letters, 2),
        ],
        "tokens": [(with_words(tokens.tokens), 1)],
        "bytes": [
            (byte_digits.digits_of_bytes, 3),
            (byte_digits.own_base, 3),
            (byte_digits.packed_bytes, 1),
            (byte_digits.runs_of_bits, 0.5),
            (byte_digits.one_number, 0.5),
        ],
        "permuted": [
            (orders.columns, 2),
            (orders.blocks, 2),
            (orders.strided, 1),
            (orders.shuffled_by_rule, 1),
            (orders.within_words, 2),
        ],
        "inserted": [
            (insertions.syllables, 3),
            (insertions.fillers, 3),
            (insertions.separated, 3),
            (insertions.interleaved, 1),
            (insertions.wrapped_letters, 2),
        ],
        "laid out": [
            (layouts.grid, 2),
            (layouts.pieces, 3),
            (layouts.records, 2),
            (layouts.indexed, 1),
            (layouts.lines_of_letters, 1),
        ],
        "carried": [
            (with_words(carriers.initials), 2),
            (with_words(carriers.places), 1),
            (with_words(carriers.capitals), 1),
            (with_words(carriers.counts), 1),
        ],
    }
