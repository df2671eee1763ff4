"""Names shortened to their first letter, read as names of the targets that begin so.

What a shortened name leaves of a question is seldom enough to tell what it is about; with any name of a target in its place,
what stands around decides. Initials that stand alone are rare in ordinary text: a surname follows most.
"""

import re
import string
from collections.abc import Callable, Iterable, Mapping, Sequence

from lethe.classifier.disguises.reader import Reader
from lethe.classifier.disguises.scan import Scan
from lethe.classifier.text.aligned_text import AlignedText, replaced

# Of names that begin with one letter so many are tried, one for each target: each is a reading more.
SHORTENED = ("shortened names", *(f"shortened names, {number}" for number in range(2, 9)))
_NAME = re.compile(r"(?<!\S)[A-Z][a-z’']{2,}(?!\S)")
_INITIAL = re.compile(r"([A-Z])\.{1,2}")
# No word goes on before them, and what follows goes on with the sentence: no surname, with its "van" or not. Where a title is
# shortened, its full stop is left besides. What begins a line counts a list, and what ends a text is a letter more often.
_ALONE = re.compile(
    r"(?<=[^\w.’'&\n-])[A-Z]\.{1,2}(?: [A-Z]\.)*"
    r"(?=[ \t]+(?!(?:v[ao]n|de[lrn]?|d[aiou]s?|l[ae]|ten?|ter|zu[mr]?|bin|ibn|al|el)\b)[a-z]|['’]s\b|[?,!;:)])"
)

# The pattern is slow, and there is one for each reader: a capital and its full stop behind what may stand before them.
_INITIAL_IN_KINDS = b" A."
_KINDS = bytes(
    ord("A") if chr(sign) in string.ascii_uppercase
    else ord(".") if sign == ord(".")
    else ord("w") if chr(sign) in string.ascii_lowercase + string.digits + "_'&\n-"
    else ord(" ")
    for sign in range(256)
)  # fmt: skip


def plainest_names(names: Iterable[str], added: Callable[[str], float]) -> dict[str, str]:
    """By first letter, the word of some names that says least by itself, so that its surroundings have to tell.

    Parameters
    ----------
    added
        What a word adds to the score of the target that the names are of.
    """
    words = dict.fromkeys(word for name in names for word in _NAME.findall(name))
    plainest: dict[str, str] = {}
    for word in sorted(words, key=lambda word: max(added(word), 0.0)):
        plainest.setdefault(word[0], word)
    return plainest


def has_shortened(text: str) -> bool:
    """Whether a text has initials that stand alone."""
    return _ALONE.search(text) is not None


def readers_of_shortened(names: Sequence[Mapping[str, str]]) -> list[Reader]:
    """What reads initials that stand alone as names; each reader as other ones.

    Parameters
    ----------
    names
        By first letter, a name; one mapping for each target. Of those that begin alike the first eight are read.
    """
    by_letter: dict[str, dict[str, None]] = {}
    for each in names:
        for letter, name in each.items():
            by_letter.setdefault(letter, {})[name] = None
    in_order = {letter: list(found) for letter, found in by_letter.items()}
    return [
        _reader(name, {letter: tried[number] for letter, tried in in_order.items() if number < len(tried)})
        for number, name in enumerate(SHORTENED[: max(map(len, in_order.values()), default=0)])
    ]


def _reader(name: str, names: Mapping[str, str]) -> Reader:
    return Reader(name, _may_stand_alone, lambda text: _in_full(text, names))


def _may_stand_alone(scan: Scan) -> bool:
    return _INITIAL_IN_KINDS in scan.signs.translate(_KINDS)


def _in_full(text: str, names: Mapping[str, str]) -> AlignedText | None:
    return replaced(
        text,
        [
            (*initial.span(), names[initial[1]])
            for alone in _ALONE.finditer(text)
            for initial in _INITIAL.finditer(text, *alone.span())
            if initial[1] in names
        ],
    )
