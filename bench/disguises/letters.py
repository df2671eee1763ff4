"""What several lists do with letters, and the names that they give. Knows no disguise."""

from collections.abc import Callable, Sequence
from typing import Literal

from bench.disguises.disguise import Disguise, Kind

SMALL = "abcdefghijklmnopqrstuvwxyz"
_MORSE_CODE = ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.."
MORSE = dict(zip(SMALL, _MORSE_CODE.split(), strict=True))


def by_letters(text: str, change: Callable[[str], str], between: str = " ", words: str = " / ") -> str:
    """Each letter changed, joined by `between`; other signs are left out."""
    split = ([each for each in word if each in SMALL] for word in text.lower().split())
    return words.join(between.join(map(change, word)) for word in split if word)


def only_letters(text: str) -> str:
    return "".join(each for each in text.lower() if each in SMALL)


def mapped(text: str, letters: dict[str, str]) -> str:
    return "".join(letters.get(each, each) for each in text.lower())


def place_of(letter: str) -> int:
    """1 for a, 26 for z."""
    return SMALL.index(letter) + 1


def named(held_out: Literal[4, 5, 6], kind: Kind, **hide: Callable[[str], str]) -> Sequence[Disguise]:
    """Disguises of one kind, held out in one round; underscores in their names stand for spaces."""
    return [Disguise(name.replace("_", " "), kind, each, held_out) for name, each in hide.items()]
