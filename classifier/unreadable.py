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
_LEVELS = ((-5.2, 34.0), (-4.9, 42.0), (-4.6, 60.0))
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
_HEX = re.compile(r"[0-9a-f-]+\Z|[0-9A-F-]+\Z")
_LONG_TOKEN = re.compile(r"\S{32,}")
_LISTED, _LATIN = re.compile(r"\w[,;/|](?=\s)"), re.compile(r"[A-Za-z]\S*")
# Of words, how many must stand in a list for all of them to.
_SHARE_LISTED = 0.5
# The share of capitals from which on a token is no words, and up to which.
_FEW_CAPITALS, _MOST_CAPITALS = 0.25, 0.8
_FEWEST_GROUPS = 8
# How files begin.
_FILES = (
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"%PDF",
    b"RIFF",
    b"OggS",
    b"ID3",
    b"\x7fELF",
    b"wOF",
    b"\x00\x01\x00\x00",
)


def nonsense(
    text: str, stretches: Sequence[tuple[int, int]], statistics: LetterStatistics
) -> list[tuple[int, int]]:
    """Those of some stretches that were not read which are surely no language, and long enough to hold a question."""
    return [(start, end) for start, end in stretches if _is_nonsense(text[start:end], statistics)]


def _is_nonsense(text: str, statistics: LetterStatistics) -> bool:
    text = _LONG_TOKEN.sub(lambda token: token[0] if _may_be_words(token[0]) else " ", text)
    # Ciphers are written in groups of one length.
    if len(groups := text.split()) >= _FEWEST_GROUPS and len(set(map(len, groups[:-1]))) == 1:
        text = "".join(groups)
    # Acronyms, commands and names in a list are nonsense by their letters.
    listed = len(_LISTED.findall(text)) >= _SHARE_LISTED * len(_LATIN.findall(text))
    if listed or len(set(text.lower())) < _FEWEST_SIGNS:
        return False
    letters, bits = int(np.count_nonzero(kinds_of(text))), statistics.of_text(text)
    return any(letters * (least - bits) >= enough for least, enough in _LEVELS)


def _may_be_words(token: str) -> bool:
    """Whether a long token may be words without spaces, not a file, a key or a sequence, which `coded_words` looks at."""
    capitals = sum(map(str.isupper, token)) / len(token)
    return (
        token.isalpha()
        and not _FEW_CAPITALS < capitals < _MOST_CAPITALS
        and not _is_sequence(token)
        and len(set(token.lower())) >= _FEWEST_SIGNS
    )


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
    if len(set(word)) < _FEWEST_SIGNS or _is_sequence(word):
        return False
    return statistics.of_text(word) < _NONSENSE and unevenness(word) > _UNEVEN and not _is_binary(word)


def _is_sequence(word: str) -> bool:
    return word.isupper() and _SEQUENCE.match(word) is not None


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
    if _HEX.match(word) and len(digits := word.replace("-", "")) % 2 == 0:
        readings.append(bytes.fromhex(digits))
    try:
        body = body[: len(body) - (len(body) % 4 == 1)]
        readings.append(base64.b64decode(body + "=" * (-len(body) % 4)))
    except binascii.Error:
        pass
    return any(
        raw.startswith(_FILES) or sum(octet in (0, 1, 255) for octet in raw) >= _BINARY_SHARE * len(raw)
        for raw in readings
    )
