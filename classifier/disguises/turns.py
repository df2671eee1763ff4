"""Texts turned: every letter into the one thirteen places on, or all read from the end."""

import string
from collections.abc import Callable, Mapping, Sequence

from lethe.classifier.text.points import translated

_SMALL, _CAPITAL = string.ascii_lowercase.encode(), string.ascii_uppercase.encode()
_BY_THIRTEEN = bytes.maketrans(_SMALL + _CAPITAL, _SMALL[13:] + _SMALL[:13] + _CAPITAL[13:] + _CAPITAL[:13])


def by_thirteen(text: str) -> str:
    return translated(text, _BY_THIRTEEN)


def backwards(text: str) -> str:
    return text[::-1]


def turned(turn: str, words: Sequence[str]) -> Sequence[str]:
    """Each of some words turned, by the name of a turn in `TURNS`."""
    if turn == "rot13":
        # No word has a line break.
        return by_thirteen("\n".join(words)).split("\n") if words else ()
    return list(map(TURNS[turn], words))


TURNS: Mapping[str, Callable[[str], str]] = {"rot13": by_thirteen, "reversed": backwards}
