"""Signs put between letters and around them. Knows nothing about classifiers."""

import itertools
import random
import re
import string

from lethe.offline.text_models.random_disguises.signs import (
    CONSONANTS,
    SMALL,
    UNBROKEN,
    VOWELS,
    prepared,
)


def syllables(text: str, noise: random.Random) -> str:
    """A syllable before, behind or around each vowel, group of vowels or consonant."""
    pattern = noise.choice(("[aeiou]", "[aeiou]+", "[bcdfghjklmnpqrstvwxyz]", r"\b\w", r"\w\b"))
    syllable = noise.choice(CONSONANTS) + noise.choice(VOWELS) + noise.choice(("", "", *"bglnpr"))
    form = noise.choice((r"{0}\g<0>", r"\g<0>{0}", r"\g<0>{0}\g<0>"))
    return re.sub(pattern, form.format(syllable), text.lower())


def fillers(text: str, noise: random.Random) -> str:
    """One or more random or chosen signs behind every so many."""
    every, count = noise.choice((1, 1, 1, 2, 2, 3)), noise.choice((1, 1, 2, 3))
    chosen = noise.choice((SMALL, SMALL, string.digits, "x", "q", "#*~^", UNBROKEN))
    text = prepared(text, noise)
    pieces = (text[at : at + every] for at in range(0, len(text), every))
    return "".join(piece + "".join(noise.choices(chosen, k=count)) for piece in pieces)


def separated(text: str, noise: random.Random) -> str:
    every, between = (
        noise.choice((1, 1, 1, 2, 3)),
        noise.choice(
            ("-", ".", "*", "_", "~", "/", " . ", "<>", "--", "+", "|", "°", ",", "'", "%20", "&nbsp;")
        ),
    )
    text = prepared(text, noise)
    return between.join(text[at : at + every] for at in range(0, len(text), every))


def interleaved(text: str, noise: random.Random) -> str:
    other = itertools.cycle(
        noise.sample(text, len(text)) if noise.random() < 0.5 else text[len(text) // 2 :] + text
    )
    return "".join(sign + next(other) for sign in prepared(text, noise))


def wrapped_letters(text: str, noise: random.Random) -> str:
    """Each letter, or a few, in the same markup or call."""
    form = noise.choice(
        (
            "<{t}>{0}</{t}>",
            "[{t}]{0}[/{t}]",
            "{{{0}}}",
            "({0})",
            "`{0}`",
            "\\{t}{{{0}}}",
            "<{t} v='{0}'/>",
            "**{0}**",
            "<!--{t}-->{0}",
            "/*{t}*/{0}",
            "${0}$",
            "{t}({0!r})",
            "\x1b[3{n}m{0}",
        )
    )
    every, tag, digit = (
        noise.choice((1, 1, 1, 2, 3)),
        "".join(noise.choices(SMALL, k=noise.randrange(1, 5))),
        noise.randrange(8),
    )
    pieces = [text[at : at + every] for at in range(0, len(text), every)]
    return noise.choice(("", "", " ", "+", "\n")).join(form.format(piece, t=tag, n=digit) for piece in pieces)
