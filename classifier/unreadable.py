"""What stays no language after everything was read: by letters, by groups of signs, by one long word.

How much a stretch says against being language is counted in bits, so a long one needs less nonsense in each letter; where
its letters are nearly those of language, more of them are needed, since names and foreign words are such. What is
even, as a hash or a key is, holds nothing that could be read without one; what is packed or an image says so itself.
"""

import base64
import binascii
import re
import string
from collections import Counter
from collections.abc import Sequence

import numpy as np

from lethe.classifier.letter_statistics import LetterStatistics, kinds_of
from lethe.classifier.points import long_runs

# Bits a letter above which a stretch is no nonsense, and how many bits below it in all make it unreadable. Of 9 million
# characters of ordinary requests the stretches that come nearest have 24, 33 and 53, command names all of them.
_LEVELS = ((-5.2, 30.0), (-4.9, 42.0), (-4.6, 60.0))
_NONSENSE = -5.2
_IN_LONG_WORD = bytes(chr(point) in string.ascii_letters + string.digits + "+/_-" for point in range(256))
_SHORTEST_WORD = 32
_FILLER = re.compile(r"={1,2}(?![A-Za-z0-9+/_-])")
# A sequence of bases or amino acids, or of very few signs.
_SEQUENCE = re.compile(r"[ACDEFGHIKLMNPQRSTVWYacdefghiklmnpqrstvwy]+\Z")
_FEWEST_SIGNS = 8
_PERIODS = (1, 2, 3, 4, 5, 8)
# Standard deviations by which signs must repeat more than at random.
_UNEVEN = 6.0
_LONGEST = 4096
# Of bytes: noughts and ones all through, as no code of text has.
_BINARY_SHARE = 0.02
_CLASSES = (
    (re.compile(r"[a-z]"), 26),
    (re.compile(r"[A-Z]"), 26),
    (re.compile(r"[0-9]"), 10),
    (re.compile(r"[+/_-]"), 2),
)
_HEX = re.compile(r"[0-9a-f]+\Z|[0-9A-F]+\Z")


def nonsense(
    text: str, stretches: Sequence[tuple[int, int]], statistics: LetterStatistics
) -> list[tuple[int, int]]:
    """Those of some stretches that were not read which are surely no language, and long enough to hold a question."""
    return [(start, end) for start, end in stretches if _is_nonsense(text[start:end], statistics)]


def _is_nonsense(text: str, statistics: LetterStatistics) -> bool:
    letters, bits = int(np.count_nonzero(kinds_of(text))), statistics.of_text(text)
    return any(letters * (least - bits) >= enough for least, enough in _LEVELS)


def coded_words(text: str, statistics: LetterStatistics) -> list[tuple[int, int]]:
    """Long words that are in some code: no language, and yet not even, as what is random or compressed is."""
    # One byte for a character, and none of those of words for one beyond ASCII.
    marks = text.encode("ascii", "replace").translate(_IN_LONG_WORD)
    spans = [_with_filler(text, start, end) for start, end in long_runs(marks, _SHORTEST_WORD)]
    return [(start, end) for start, end in spans if _is_coded(text[start:end][:_LONGEST], statistics)]


def _with_filler(text: str, start: int, end: int) -> tuple[int, int]:
    """A word with what base64 fills it up with, as long as no word follows that."""
    filler = _FILLER.match(text, end)
    return start, filler.end() if filler else end


def _is_coded(word: str, statistics: LetterStatistics) -> bool:
    if len(set(word)) < _FEWEST_SIGNS or (_SEQUENCE.match(word) and word.isupper()):
        return False
    return statistics.of_text(word) < _NONSENSE and unevenness(word) > _UNEVEN and not _is_binary(word)


def unevenness(word: str) -> float:
    """How much oftener signs repeat, at some period, than in as many at random, in standard deviations."""
    size = 16 if _HEX.match(word) else sum(count for signs, count in _CLASSES if signs.search(word))
    return max(_excess(word, period, size) for period in _PERIODS)


def _excess(word: str, period: int, size: int) -> float:
    repeated = pairs = 0
    for phase in range(period):
        signs = word[phase::period]
        repeated += sum(count * (count - 1) // 2 for count in Counter(signs).values())
        pairs += len(signs) * (len(signs) - 1) // 2
    expected = pairs / size
    return (repeated - expected) / (expected**0.5 + 1e-9)


def _is_binary(word: str) -> bool:
    """Whether a word is a file in base64 or hexadecimal."""
    body = word.rstrip("=").replace("-", "+").replace("_", "/")
    readings: list[bytes] = []
    if _HEX.match(word) and len(word) % 2 == 0:
        readings.append(bytes.fromhex(word))
    try:
        body = body[: len(body) - (len(body) % 4 == 1)]
        readings.append(base64.b64decode(body + "=" * (-len(body) % 4)))
    except binascii.Error:
        pass
    return any(sum(octet in (0, 1, 255) for octet in raw) >= _BINARY_SHARE * len(raw) for raw in readings)
