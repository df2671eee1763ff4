"""Digits and marks that stand for letters in words."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.disguises.scan import Scan, kind
from lethe.classifier.text.aligned_text import AlignedText, Replacements
from lethe.classifier.text.points import points_of, text_of, translated, word_bounds

_LEET_WORD = re.compile(
    r"(?=[^0134578@$|!]*[0134578@$|!])(?=\S{3,24}\Z)(?=\S*[^\W\d_])\S*(?:[0134578@$|]|!(?=\w))\S*"
)
_LEET_SIGNS = np.frombuffer(kind("0134578@$|!"), bool)
_SHORTEST_LEET, _LONGEST_LEET = 3, 24
# Up to so many characters a pattern takes no longer than arrays do.
_SHORT = 1 << 10
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
    if len(text) <= _SHORT:
        return np.array([_LEET_WORD.match(word) is not None for word in text.split()], bool)
    starts, ends = word_bounds(text)
    found = np.zeros(len(starts), bool)
    # Most words are of letters alone.
    (signs,) = _LEET_SIGNS.take(Scan(text).array).nonzero()
    owners = np.unique(starts.searchsorted(signs, "right") - 1)
    lengths = (ends - starts)[owners]
    owners = owners[(lengths >= _SHORTEST_LEET) & (lengths <= _LONGEST_LEET)]
    words = [
        text[start:end] for start, end in zip(starts[owners].tolist(), ends[owners].tolist(), strict=True)
    ]
    disguised = {word: _LEET_WORD.match(word) is not None for word in set(words)}
    found[owners] = list(map(disguised.__getitem__, words))
    return found


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
