"""What stays no language after everything was read: by letters, by groups of signs, by one long word.

How much a stretch says against being language is counted in bits, so a long one needs less nonsense in each letter; where
its letters are nearly those of language, more of them are needed, since names and foreign words are such. What is
even, as a hash or a key is, holds nothing that could be read without one; what is packed or an image says so itself.
"""

import base64
import binascii
import math
import operator
import re
import string
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from lethe.classifier.text.letter_statistics import LetterStatistics, kinds_of
from lethe.classifier.text.points import long_runs, word_bounds
from lethe.classifier.text.sign_statistics import Level, WeighedSigns

# Bits a letter above which a stretch is no nonsense, and how many bits below it in all make it unreadable. Of 9 million
# characters of ordinary requests the stretches that come nearest have 24, 33 and 53, command names all of them.
_LEVELS = ((-5.2, 34.0), (-4.9, 42.0), (-4.6, 60.0))
_NONSENSE = -5.2
# The same by all signs: in a short text of which the stretch is a good part, and in any, where each doubling of its length
# asks for more. Of 2,792 messages of ordinary requests as they are none comes so far.
_ODD_IN_SHORT = (Level(5.0, 160.0), Level(6.0, 100.0), Level(7.0, 60.0))
_SHORT, _SHARE_OF_SHORT = 1000, 0.3
_ODD, _EACH_DOUBLING = (Level(6.0, 150.0), Level(7.0, 100.0)), 20.0
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
_BINARY_SHARE, _SURELY_BINARY_SHARE = 0.02, 0.06
_CLASSES = (
    (re.compile(r"[a-z]"), 26),
    (re.compile(r"[A-Z]"), 26),
    (re.compile(r"[0-9]"), 10),
    (re.compile(r"[+/_-]"), 2),
)
_HEX = re.compile(r"[0-9a-f-]+\Z|[0-9A-F-]+\Z")
_SHORTEST_HEX = 64
# With the lines that follow it: code is broken into lines, of which the last one is short.
_LONG_TOKEN = re.compile(r"\S{32,}(?:\r?\n\S+(?=\r?\n|\Z))*")
# What parts the lines of one word.
_LINE_BREAKS = ("\n", "\r\n")
# Signs beyond letters and marks, and those of scripts that nobody writes in, in a row, and what may part them.
_SIGN = r"[\u16a0-\u16ff\u1680-\u169c\u20a0-\u20cf\u2100-\u22ff\u2300-\u23ff\u2600-\u27bf\u2900-\u2bff\U00010280-\U0001d7ff\U0001f000-\U0001faff]"
_SIGNS = re.compile(rf"{_SIGN}(?:[ \n,.'?!;:·/|-]{{0,3}}{_SIGN}){{15,}}")
# Of signs that stand for letters some come often: how many different ones there are at least, and at most of all.
_FEWEST_DIFFERENT, _MOST_DIFFERENT = 6, 0.7
# Groups of as many letters each, as ciphers are written in.
_GROUPS = re.compile(
    r"(?<!\S)(?:[A-Za-z]{2}(?:\s+[A-Za-z]{2}){11,}|[A-Za-z]{4}(?:\s+[A-Za-z]{4}){7,}|[A-Za-z]{5}(?:\s+[A-Za-z]{5}){7,})(?!\S)"
)
# How long the words are where such groups stand.
_GROUPS_IN_A_ROW = (b"\2" * 12, b"\4" * 8, b"\5" * 8)
# The same of binary digits, more than one of which stand together; and marks alone in a row, as programs of few signs have.
_BITS = re.compile(r"(?<!\S)([01]{3,12})(?: +[01]{3,12}){15,}(?!\S)")
_MARKS = re.compile(r"[!-/:-@\[-`{-~]{96,}")
_FEWEST_BITS, _SHORTEST_BITS, _SHORTEST_MARKS = 48, 63, 96
_IN_BITS, _IS_MARK = (
    bytes(chr(point) in signs for point in range(256)) for signs in ("01 ", string.punctuation)
)
_FEWEST_MARKS, _FEWEST_TRIPLES = 4, 16
# Brackets, how many must nest, how many of them within others, and for each that does not.
_CLOSED_BY = {"(": ")", "[": "]", "{": "}"}
_BRACKETS = frozenset("()[]{}")
_FEWEST_PAIRS, _FEWEST_DEEP, _PAIRS_A_CROSSED_ONE = 4, 2, 6
# A number in base64 of variable length, and a place as source maps tell it (revision 3).
_QUANTITY = "[g-z0-9+/]*[A-Za-f]"
_PLACE = re.compile(rf"{_QUANTITY}(?:({_QUANTITY}){_QUANTITY}{_QUANTITY}(?:{_QUANTITY})?)?")
_PARTS_PLACES, _FEWEST_PLACES, _SHARE_SAME = re.compile("[,;]"), 12, 0.9
_SHARE_SORTED, _SHARE_REPEATED = 0.8, 0.5
# Of tokens, how many must be names of data for none of them to be words.
_SHARE_OF_NAMES = 0.25
_LISTED, _LATIN = re.compile(r"\w[,;/|](?=\s)"), re.compile(r"[A-Za-z]\S*")
# Of words, how many must stand in a list for all of them to.
_SHARE_LISTED = 0.5
# The share of capitals from which on a token is no words, and up to which.
_FEW_CAPITALS, _MOST_CAPITALS = 0.25, 0.8
_FEWEST_GROUPS = 8
# Of a word that is numbers with letters between.
_SHARE_OF_DIGITS, _SHARE_OF_PAIRS = 0.6, 0.08
# How files begin, and what certificates and keys are in.
_FILES = (
    b"0\x82",
    b"TZif",
    b"\0asm",
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
    text = _LONG_TOKEN.sub(lambda token: token[0] if _may_be_words("".join(token[0].split())) else " ", text)
    # Ciphers are written in groups of one length.
    if len(groups := text.split()) >= _FEWEST_GROUPS and len(set(map(len, groups[:-1]))) == 1:
        text = "".join(groups)
    if _is_listed(text) or _are_names(groups) or len(set(text.lower())) < _FEWEST_SIGNS:
        return False
    letters, bits = int(np.count_nonzero(kinds_of(text))), statistics.of_text(text)
    return any(letters * (least - bits) >= enough for least, enough in _LEVELS)


def in_groups(text: str, statistics: LetterStatistics) -> list[tuple[int, int]]:
    """Groups of as many letters each that are no language however they are parted."""
    starts, ends = word_bounds(text)
    lengths = np.minimum(ends - starts, 255).astype(np.uint8).tobytes()
    if not any(row in lengths for row in _GROUPS_IN_A_ROW):
        return []
    return [match.span() for match in _GROUPS.finditer(text) if _are_of_a_cipher(match[0], statistics)]


def _are_of_a_cipher(text: str, statistics: LetterStatistics) -> bool:
    groups = text.split()
    return not _is_sorted(groups) and not _is_repeated(groups) and _is_nonsense(text, statistics)


def _is_sorted(groups: Sequence[str]) -> bool:
    """Whether groups are codes in a list, of languages or countries, or signs those of an alphabet."""
    return sum(map(operator.le, groups, groups[1:])) >= _SHARE_SORTED * len(groups)


def _is_repeated(groups: Sequence[str]) -> bool:
    """Whether the same groups stand in the same order again and again, as the days of a calendar do."""
    in_a_row = Counter(zip(groups, groups[1:], groups[2:], strict=False))
    return sum(count for count in in_a_row.values() if count > 1) >= _SHARE_REPEATED * in_a_row.total()


def _are_names(tokens: Sequence[str]) -> bool:
    """Whether many tokens are as only data and names in code have them: with digits in them, or one letter again and again (MMMM)."""
    told = sum(
        any(map(str.isdigit, token)) or (len(token) > 1 and len(set(filter(str.isalpha, token))) == 1)
        for token in tokens
    )
    return told >= _SHARE_OF_NAMES * len(tokens)


def signs_for_letters(text: str) -> list[tuple[int, int]]:
    """Rows of signs that are no letters of a living script and repeat as letters do, of binary digits, or of marks alone."""
    found: list[tuple[int, int]] = []
    # Patterns are slow, and there is hardly ever anything to be found.
    raw = text.encode("ascii", "replace")
    if text.count("0") + text.count("1") >= _FEWEST_BITS:
        found += (
            match.span()
            for start, end in long_runs(raw.translate(_IN_BITS), _SHORTEST_BITS)
            # With the character behind it, which the pattern looks at.
            for match in _BITS.finditer(text, start, end + 1)
            if len(set(map(len, match[0].split()))) == 1
        )
    found += (
        match.span()
        for start, end in long_runs(raw.translate(_IS_MARK), _SHORTEST_MARKS)
        for match in _MARKS.finditer(text, start, end)
        if _is_program(match[0])
    )
    if not text.isascii():
        found += (match.span() for match in _SIGNS.finditer(text) if _repeats("".join(match[0].split())))
    return found


def _is_program(marks: str) -> bool:
    """Whether marks in a row are more than a rule or the edge of a table."""
    triples = {marks[place : place + 3] for place in range(len(marks) - 2)}
    return len(set(marks)) >= _FEWEST_MARKS and len(triples) >= _FEWEST_TRIPLES


def _repeats(signs: str) -> bool:
    return _FEWEST_DIFFERENT <= len(set(signs)) <= _MOST_DIFFERENT * len(signs)


def odd_signs(signs: WeighedSigns, characters: int) -> list[tuple[int, int]]:
    """Stretches whose signs stand together in no ordinary text, of whatever kind or script.

    Parameters
    ----------
    characters
        How long the whole text is that this one is of.
    """
    text = signs.text
    further = _EACH_DOUBLING * math.log2(max(characters / _SHORT, 1))
    levels = [Level(level.bits, level.enough + further) for level in _ODD]
    if not signs.may_be_odd([*levels, *_ODD_IN_SHORT] if characters <= _SHORT else levels):
        return []
    found = signs.odd(levels)
    if characters <= _SHORT:
        least = _SHARE_OF_SHORT * characters
        found += [(start, end) for start, end in signs.odd(_ODD_IN_SHORT) if end - start >= least]
    return [
        (_from_word(text, start), end)
        for start, end in dict.fromkeys(found)
        if not any(test(text[start:end]) for test in (_is_listed, _nests, _maps_sources))
    ]


def _nests(text: str) -> bool:
    """Whether brackets stand in brackets and end in their order, as those of code do and those of random signs do not."""
    awaited: list[str] = []
    paired = crossed = deep = 0
    for sign in filter(_BRACKETS.__contains__, text):
        if sign in _CLOSED_BY:
            awaited.append(_CLOSED_BY[sign])
        elif awaited:
            if awaited[-1] == sign:
                paired += 1
                deep += len(awaited) > 1
                awaited.pop()
            else:
                crossed += 1
    return paired >= _FEWEST_PAIRS and deep >= _FEWEST_DEEP and crossed * _PAIRS_A_CROSSED_ONE <= paired


def _maps_sources(text: str) -> bool:
    """Whether a text maps code to its sources: one, four or five numbers a place, nearly all of the same source as the place before."""
    places = [place for place in _PARTS_PLACES.split(text)[1:-1] if place]
    read = [match for place in places if (match := _PLACE.fullmatch(place))]
    same = sum(match[1] in ("A", None) for match in read)
    return len(places) >= _FEWEST_PLACES and len(read) == len(places) and same >= _SHARE_SAME * len(read)


def _from_word(text: str, start: int) -> int:
    """Where a stretch begins without the end of the word before it, whose signs are odd before what follows."""
    gap = text.find(" ", start, start + 3)
    return gap + 1 if gap >= 0 else start


def _is_listed(text: str) -> bool:
    """Whether words stand in a list: acronyms, commands and names in one are nonsense by their letters."""
    return len(_LISTED.findall(text)) >= _SHARE_LISTED * len(_LATIN.findall(text))


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
    spans = _with_further_lines(text, long_runs(marks, _SHORTEST_WORD))
    spans = [_with_filler(text, start, end) for start, end in spans]
    return [
        (start, end)
        for start, end in spans
        if _is_coded("".join(text[start:end].split())[:_LONGEST], statistics)
    ]


def _with_further_lines(text: str, spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Words that are broken into lines as one."""
    whole: list[tuple[int, int]] = []
    for start, end in spans:
        # Keys with dashes stand one a line, and are no lines of one word.
        if whole and text[whole[-1][1] : start] in _LINE_BREAKS and "-" not in text[whole[-1][0] : end]:
            whole[-1] = whole[-1][0], end
        else:
            whole.append((start, end))
    return whole


def _with_filler(text: str, start: int, end: int) -> tuple[int, int]:
    """A word with what base64 fills it up with, as long as no word follows that."""
    filler = _FILLER.match(text, end)
    return start, filler.end() if filler else end


def _is_coded(word: str, statistics: LetterStatistics) -> bool:
    if len(set(word)) < _FEWEST_SIGNS or _is_sequence(word) or _is_sorted(word):
        return False
    if _HEX.match(word):
        # Few of its digits are letters, which say nothing.
        coded = len(word) >= _SHORTEST_HEX
    else:
        coded = statistics.of_text(word) < _NONSENSE and not _is_of_numbers(word)
    return coded and unevenness(word) > _UNEVEN and not _is_binary(word)


def _is_sequence(word: str) -> bool:
    return word.isupper() and _SEQUENCE.match(word) is not None


def _is_of_numbers(word: str) -> bool:
    """Whether a word is numbers with single letters between, as the path of a drawing has them, or a long number."""
    pairs = sum(first.isalpha() and second.isalpha() for first, second in pairwise(word))
    digits = sum(map(str.isdigit, word))
    return len(word) > digits >= _SHARE_OF_DIGITS * len(word) and pairs <= _SHARE_OF_PAIRS * len(word)


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
    if _HEX.match(word) and len(digits := word.replace("-", "")) % 2 == 0:
        raw = bytes.fromhex(digits)
        # Text under a key has noughts and ones too, but stays below where ASCII ends.
        return raw.startswith(_FILES) or (max(raw) > 127 and _has_ends(raw, _BINARY_SHARE))
    body = word.rstrip("=").replace("-", "+").replace("_", "/")
    raw = _from_base64(body)
    if raw.startswith(_FILES) or _has_ends(raw, _BINARY_SHARE):
        return True
    # A stretch of a file begins anywhere.
    return any(_has_ends(_from_base64(body[phase:]), _SURELY_BINARY_SHARE) for phase in (1, 2, 3))


def _from_base64(body: str) -> bytes:
    body = body[: len(body) - (len(body) % 4 == 1)]
    try:
        return base64.b64decode(body + "=" * (-len(body) % 4))
    except binascii.Error:
        return b""


def _has_ends(raw: bytes, share: float) -> bool:
    return sum(octet in (0, 1, 255) for octet in raw) >= max(share * len(raw), 1)
