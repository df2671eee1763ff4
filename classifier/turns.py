"""Texts turned: every letter into the one thirteen places on, or all read from the end."""

import string
from collections.abc import Callable, Mapping

from lethe.classifier.points import translated

_SMALL, _CAPITAL = string.ascii_lowercase.encode(), string.ascii_uppercase.encode()
_BY_THIRTEEN = bytes.maketrans(_SMALL + _CAPITAL, _SMALL[13:] + _SMALL[:13] + _CAPITAL[13:] + _CAPITAL[:13])


def by_thirteen(text: str) -> str:
    return translated(text, _BY_THIRTEEN)


def backwards(text: str) -> str:
    return text[::-1]


TURNS: Mapping[str, Callable[[str], str]] = {"rot13": by_thirteen, "reversed": backwards}
