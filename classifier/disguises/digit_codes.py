"""Text in the digits of a base: groups of digits that stand for bytes, or one long number.

One mechanism for all: a token of digits of an alphabet is read as bytes, and taken where these are text. Base64 and plain
hexadecimal, which stand in ordinary text everywhere, have readers of their own.
"""

import functools
import re
import string
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from lethe.classifier.disguises.packing import may_be_deflated, text_in
from lethe.classifier.disguises.reader import Reader
from lethe.classifier.disguises.scan import SPACES, Scan, any_of, kind
from lethe.classifier.disguises.word_notes import Notes
from lethe.classifier.text.aligned_text import AlignedText, substitute, substitute_words
from lethe.classifier.text.letter_statistics import LetterStatistics
from lethe.classifier.text.points import long_runs

_DIGITS, _CAPITALS, _SMALL = string.digits, string.ascii_uppercase, string.ascii_lowercase
_DIGITS_OF_PYTHON, _BY_FIVE_BITS = _DIGITS + _SMALL, 32
# A token that is shorter holds no question; one above the likeness is words.
_SHORTEST_TOKEN, _WORDS = 16, -4.4
_SHARE_OF_LETTERS = 0.25
_LONGEST_NUMBER = 1024
_LONGEST_RUN = 1 << 16
# Long tokens of ordinary text come back.
_TOKENS_REMEMBERED, _LONGEST_REMEMBERED = 1 << 12, 128
# Of printable signs in bytes at random a third is printable, so a few that all are tell.
_FIRST_OCTETS = 12
_LETTERS_AND_DIGITS = re.compile(r"[0-9A-Za-z]{16,}=*")
_IN_TOKEN = re.compile(r"\S")
_TOKEN = re.compile(r"\S+")
_AROUND = "\"'`()[]{}<>,.;:"


@dataclass(frozen=True)
class _Digits:
    """A code of bytes in the digits of a base.

    Attributes
    ----------
    alphabet
        The digits from nought on.
    group, octets
        How many digits stand for how many bytes; nought where all stand for one number.
    backwards
        Whether the first digit of a group counts least.
    folded
        Whether capitals and small letters are the same digits.
    """

    alphabet: str
    group: int = 0
    octets: int = 0
    backwards: bool = False
    folded: bool = False

    @property
    def packs(self) -> bool:
        """Whether it is used for any bytes, and not where names of files and of code are in its digits too."""
        return self.folded or len(self.alphabet) == 85

    @functools.cached_property
    def values(self) -> dict[str, int]:
        """What each digit stands for."""
        values = {digit: value for value, digit in enumerate(self.alphabet)}
        return {digit.lower(): value for digit, value in values.items()} | values if self.folded else values

    @functools.cached_property
    def _digits(self) -> frozenset[str]:
        return frozenset(self.values)

    @functools.cached_property
    def _as_python_writes(self) -> dict[int, str] | None:
        """By digit, the one that `int` knows; None where it knows no base so large, or limits how many digits it reads."""
        base = len(self.alphabet)
        if base > len(_DIGITS_OF_PYTHON) or base & (base - 1):
            return None
        return {ord(digit): _DIGITS_OF_PYTHON[value] for digit, value in self.values.items()}

    def read(self, token: str) -> bytes | None:
        """The bytes that a token stands for; None where it has other characters, or begins with no text."""
        token = token.rstrip("=") if "=" not in self.values else token
        if not self._digits.issuperset(token):
            return None
        if not self.group:
            return self._one_number(token) if token else None
        first = token[: self.group * -(-_FIRST_OCTETS // self.octets)]
        start = self._groups(first)
        packed = self.packs and start is not None and may_be_deflated(start)
        if start is None or not (packed or _may_be_text(start[:_FIRST_OCTETS])):
            return None
        return self._groups(token)

    def _one_number(self, token: str) -> bytes | None:
        if len(token) > _LONGEST_NUMBER:
            return None
        number = self._number(token)
        return number.to_bytes((number.bit_length() + 7) // 8)

    def _number(self, token: str) -> int:
        if self._as_python_writes is not None:
            # Of no digit it is nought.
            return int("0" + token.translate(self._as_python_writes), len(self.alphabet))
        number = 0
        for digit in token:
            number = number * len(self.alphabet) + self.values[digit]
        return number

    def _groups(self, token: str) -> bytes | None:
        if len(self.alphabet) == _BY_FIVE_BITS:
            # One group goes on where the last one ended.
            groups = -(-len(token) // self.group)
            number = self._number(token.ljust(groups * self.group, self.alphabet[0]))
            return number.to_bytes(groups * self.octets)[: len(token) * self.octets // self.group]
        values = list(map(self.values.__getitem__, token))
        base, read = len(self.alphabet), bytearray()
        # What a short last group lacks is nought where digits are bits, and the largest digit where they are not.
        filler = base - 1 if base & (base - 1) else 0
        for start in range(0, len(values), self.group):
            group = values[start : start + self.group]
            octets = len(group) * self.octets // self.group
            if self.backwards:
                number = sum(value * base**place for place, value in enumerate(group))
                filled = octets
            else:
                group += [filler] * (self.group - len(group))
                number, filled = 0, self.octets
                for value in group:
                    number = number * base + value
            if number >= 256**filled:
                return None
            read += number.to_bytes(filled)[:octets]
        return bytes(read)


_BASES = (
    # Of 5 bits.
    *(
        _Digits(alphabet, 8, 5, folded=True)
        for alphabet in (
            _CAPITALS + "234567",
            _DIGITS + _CAPITALS[:22],
            "0123456789ABCDEFGHJKMNPQRSTVWXYZ",
            "YBNDRFG8EJKMCPQXOT1UWISZA345H769",
        )
    ),
    # Four bytes in five digits.
    _Digits("".join(map(chr, range(33, 118))), 5, 4),
    _Digits(_DIGITS + _CAPITALS + _SMALL + "!#$%&()*+-;<=>?@^_`{|}~", 5, 4),
    _Digits(_DIGITS + _SMALL + _CAPITALS + ".-:+=^!/*?&<>()[]{}@%$#", 5, 4),
    # Base64 with other digits: of BinHex, of xxencode, of passwords' hashes.
    _Digits("!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr", 4, 3),
    _Digits("+-" + _DIGITS + _CAPITALS + _SMALL, 4, 3),
    _Digits("./" + _DIGITS + _CAPITALS + _SMALL, 4, 3),
    _Digits("./" + _CAPITALS + _SMALL + _DIGITS, 4, 3),
    # One number.
    _Digits("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"),
    _Digits("123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"),
    _Digits(_DIGITS + _CAPITALS + _SMALL),
    _Digits(_DIGITS + _SMALL + _CAPITALS),
    _Digits(_CAPITALS + _SMALL + _DIGITS),
    _Digits(_DIGITS + _CAPITALS, folded=True),
)
_FOLDED = tuple(base for base in _BASES if base.folded)
_UNFOLDED = tuple(base for base in _BASES if not base.folded)
_SMALL_LETTERS = _SMALL.encode()
# Share of what is no small letter in text in the digits of 58 or more. It is three fifths; of names in programs, less.
_LEAST_OTHERS = 0.4
# Codes with spaces, by the lines or stretches that they fill.
_SPACED_RUN = r"(?<!\S)[0-9A-Z$%*+\-./:][0-9A-Z $%*+\-./:]{22,}[0-9A-Z$%*+\-./:]"
_MEASURED_LINE = r"[!-M][ -`]{4,60}"
# Lines behind one another, the first perhaps behind a label.
_MEASURED_LINES = rf"(?:(?<![^\n])|(?<=: )){_MEASURED_LINE}(?:\n{_MEASURED_LINE})*(?![^\n])"
_LINE = re.compile(rf"{_MEASURED_LINES}|{_SPACED_RUN}|\S+")


def _from_spaced(run: str) -> str | None:
    # The end of a label may stand before it.
    for digits in (run, run.partition(" ")[2]):
        if (raw := _WITH_SPACES.read(digits)) and (read := text_in(raw)) is not None:
            return read
    return None


def _from_measured(lines: str) -> str | None:
    """Lines whose first characters say how many bytes follow, as far as they do."""
    read, left = b"", lines.split("\n")
    while left and (raw := _measured_bytes(left[0])) is not None:
        read += raw
        left = left[1:]
    text = text_in(read) if read else None
    return text and "\n".join([text, *left])


def _measured_bytes(line: str) -> bytes | None:
    count = (ord(line[0]) - 32) % 64
    digits = line[1:].replace("`", " ").ljust(4 * -(-count // 3))
    if len(digits) != 4 * -(-count // 3) or (raw := _MEASURED.read(digits)) is None:
        return None
    return raw[:count]


_WITH_SPACES = _Digits(_DIGITS + _CAPITALS + " $%*+-./:", 3, 2, backwards=True)
_MEASURED = _Digits("".join(map(chr, range(32, 96))), 4, 3)
_SPACED, _MEASURED_RUN = re.compile(_SPACED_RUN), re.compile(_MEASURED_LINES)
# What such lines are made of, as tables that leave a mark for it; a line break has a mark of its own.
_IN_SPACED = kind(_DIGITS + _CAPITALS + " $%*+-./:")
_IN_MEASURED = bytes(2 if point == 10 else 32 <= point <= 96 for point in range(256))
_IN_A_TOKEN = bytes(1 - space for space in kind(SPACES, spaces=True))
_SHORTEST_SPACED, _SHORTEST_MEASURED, _NOT_MEASURED, _END_OF_LINE = 24, b"\1" * 5, b"\0", b"\2"
_MEASURED_END = _SHORTEST_MEASURED + _END_OF_LINE


def _may_be_measured(scan: Scan) -> bool:
    return _MEASURED_END in scan.signs.translate(_IN_MEASURED) + _END_OF_LINE


def _coded_lines(scan: Scan) -> Iterator[tuple[str, Callable[[str], str | None]]]:
    """What may be lines or stretches in a code with spaces, and what reads it; the patterns are slow where none may be."""
    text = scan.text
    for start, end in long_runs(scan.signs.translate(_IN_SPACED), _SHORTEST_SPACED):
        yield from ((match[0], _from_spaced) for match in _SPACED.finditer(text, start, end))
    for start, end in _measured_lines(scan):
        yield from ((found, _from_measured) for found in _MEASURED_RUN.findall(text[start:end]))


def _measured_lines(scan: Scan) -> Iterator[tuple[int, int]]:
    """Half-open stretches of lines in a row that are of these characters, or of which what stands behind a label is."""
    marks = scan.signs.translate(_IN_MEASURED) + _END_OF_LINE
    first = last = -1
    # Few lines end so.
    place = marks.find(_MEASURED_END)
    while place >= 0:
        start, end = marks.rfind(_END_OF_LINE, 0, place) + 1, place + len(_SHORTEST_MEASURED)
        behind = marks.rfind(_NOT_MEASURED, start, end) + 1
        if not behind or scan.text.find(": ", behind, end) >= 0:
            if start > last + 1 and first >= 0:
                yield first, last
            first, last = (start if first < 0 or start > last + 1 else first), end
        place = marks.find(_MEASURED_END, end)
    if first >= 0:
        yield first, last


class DigitCodes:
    """Reads text in the digits of a base. Safe to share between threads."""

    def __init__(self, statistics: LetterStatistics) -> None:
        self._statistics = statistics
        self._oddness = Notes(self._are_odd, _TOKENS_REMEMBERED, _LONGEST_REMEMBERED)

    def read(self, text: str) -> AlignedText | None:
        """The text with long tokens in the digits of a base read; None where there are none."""
        scan = Scan(text)
        readings = {
            token: read for token in self._odd_tokens(scan) if (read := _read_token(token)) is not None
        }
        lines = {line: read for line, decode in _coded_lines(scan) if (read := decode(line)) is not None}
        if lines:
            return substitute(_LINE, text, lambda line: lines.get(line) or readings.get(line))
        return substitute_words(_TOKEN, _IN_TOKEN, text, readings) if readings else None

    def _odd_tokens(self, scan: Scan) -> list[str]:
        """Long runs of characters without a space that are unlike words."""
        runs = long_runs(scan.signs.translate(_IN_A_TOKEN), _SHORTEST_TOKEN)
        words = list(
            dict.fromkeys(scan.text[start:end] for start, end in runs if end - start <= _LONGEST_RUN)
        )
        if not words:
            return []
        odd = self._oddness.of(words)
        return [word for word in words if odd[word]]

    def _are_odd(self, words: Sequence[str]) -> list[int]:
        """Of each of some long words whether it is unlike language."""
        likeness, letters = self._statistics.likeness_of(words)
        return ((likeness < _WORDS) & (letters >= _SHARE_OF_LETTERS)).tolist()


def _read_token(token: str) -> str | None:
    return (_read_short_token if len(token) <= _LONGEST_REMEMBERED else _find_in_token)(token)


def _find_in_token(token: str) -> str | None:
    for inner in dict.fromkeys((token, token.strip(_AROUND), *_LETTERS_AND_DIGITS.findall(token))):
        for base in _bases_for(inner):
            if (raw := base.read(inner)) and (read := text_in(raw)) is not None:
                return token.replace(inner, read)
    return None


_read_short_token = functools.lru_cache(_TOKENS_REMEMBERED)(_find_in_token)


def _bases_for(token: str) -> tuple[_Digits, ...]:
    """Those in whose digits a token may stand: where capitals are other digits than small letters, text has both."""
    if len(token) < _SHORTEST_TOKEN:
        return ()
    if token.islower() or token.isupper():
        return () if token.isalpha() else _FOLDED
    others = token.encode("ascii", "replace").translate(None, _SMALL_LETTERS)
    return _UNFOLDED if len(others) >= _LEAST_OTHERS * len(token) else ()


def _may_be_text(start: bytes) -> bool:
    text = all(octet >= 32 or octet in b"\t\n\r" for octet in start)
    return text or start[:2] in _PACKED


_PACKED = {b"\x1f\x8b", b"BZ", b"\xfd7", b"\x5d\x00", b"\x78\x9c", b"\x78\xda", b"\x78\x01", b"\x78\x5e"}


def _has_token(scan: Scan) -> bool:
    return scan.has_run(_IN_A_TOKEN, _SHORTEST_TOKEN)


def _has_spaced(scan: Scan) -> bool:
    return scan.has_run(_IN_SPACED, _SHORTEST_SPACED)


DIGITS = Reader(
    "digits", any_of(_has_token, _has_spaced, _may_be_measured), DigitCodes(LetterStatistics.load()).read
)
