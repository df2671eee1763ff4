"""Digits and marks that stand for letters in words."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.text.aligned_text import AlignedText, Replacements
from lethe.classifier.text.points import points_of, text_of, translated, word_bounds

_LEET_WORD = re.compile(
    r"(?=[^0134578@$|!]*[0134578@$|!])(?=\S{3,24}\Z)(?=\S*[^\W\d_])\S*(?:[0134578@$|]|!(?=\w))\S*"
)
# A line that may be such a word.
_LEET_LINE = re.compile(r"^(?=.{3,24}$)[^0134578@$|!\n]*[0134578@$|!].*$", re.MULTILINE)
_LONGEST_LEET = 24
# Of words, how many must be such for all others to be read so too.
LEET_SHARE = 0.3


@dataclass(frozen=True, eq=False)
class LeetAlphabet:
    """Signs that stand for letters.

    Attributes
    ----------
    letters
        A table for `bytes.translate`.
    signs
        Finds a character that this alphabet is tried for.
    own
        (129,), which characters of ASCII these are; the last entry stands for all others.
    """

    letters: bytes
    signs: re.Pattern[str]
    own: NDArray[np.bool_]

    @classmethod
    def of(cls, signs: bytes, letters: bytes, tried_for: re.Pattern[str]) -> "LeetAlphabet":
        own = [point < 128 and bool(tried_for.match(chr(point))) for point in range(129)]
        return cls(bytes.maketrans(signs, letters), tried_for, np.array(own))


def disguised_words(text: str) -> NDArray[np.bool_]:
    """Which words of a text have signs for letters, (words,)."""
    words = text.split()
    lines = _LEET_LINE.findall("\n".join(set(words)))
    disguised = set(filter(_LEET_WORD.match, lines))
    if not disguised:
        return np.zeros(len(words), bool)
    return np.fromiter(map(disguised.__contains__, words), bool, len(words))


def spelled_out(text: str, alphabet: LeetAlphabet, chosen: NDArray[np.bool_] | None) -> AlignedText | None:
    """Some words of a text, or all but the longest, with their signs read as letters, one letter for each.

    What is said to be replaced are the words with the alphabet's own signs; the others were read so before.
    """
    starts, ends = word_bounds(text)
    places = (ends - starts <= _LONGEST_LEET) if chosen is None else chosen
    starts, ends = starts[places], ends[places]
    if not len(starts):
        return None
    edges = np.zeros(len(text) + 1, np.int8)
    edges[starts] = 1
    edges[ends] = -1
    inside = edges[:-1].cumsum(dtype=np.int8).view(bool)
    points = points_of(text)
    read = text_of(np.where(inside, points_of(translated(text, alphabet.letters)), points))
    so_far = np.concatenate([[0], alphabet.own.take(points, mode="clip").cumsum()])
    told = so_far[ends] > so_far[starts]
    starts, ends = starts[told], ends[told]
    return AlignedText(read, Replacements.of(starts, ends, ends - starts, len(text)))


LEET_ALPHABETS = {
    "leet": LeetAlphabet.of(b"013457@$!|+8", b"oieastasiltb", re.compile(r"[0-9@$|!+]")),
    # What the first alphabet reads otherwise.
    "leet, 1 as l": LeetAlphabet.of(b"013457@$!|+8", b"oleastaslltb", re.compile(r"[1!]")),
}
