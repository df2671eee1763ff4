"""Text as numbers in some base: a list of them, digits of one width, or one long number in many digits.

One mechanism for all: a run of digits over an alphabet is read as bytes or characters, and taken where these are text.
Base64 and plain hexadecimal, which stand in ordinary text everywhere, have readers of their own.
"""

import functools
import itertools
import operator
import re
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from lethe.classifier.aligned_text import AlignedText, Replacements, replaced, substitute, substitute_words
from lethe.classifier.letter_statistics import LetterStatistics
from lethe.classifier.packing import looks_coded, may_be_deflated, text_in
from lethe.classifier.points import bytes_of, long_runs, points_of

_DIGITS, _CAPITALS, _SMALL = string.digits, string.ascii_uppercase, string.ascii_lowercase
_FEWEST = 6
# A token that is shorter holds no question; one above the likeness is words.
_SHORTEST_TOKEN, _WORDS = 16, -4.4
_SHARE_OF_LETTERS = 0.25
_LONGEST_NUMBER = 1024
_LONGEST_RUN = 1 << 16
# Of printable signs in bytes at random a third is printable, so a few that all are tell.
_FIRST_OCTETS = 12
_LETTERS_AND_DIGITS = re.compile(r"[0-9A-Za-z]{16,}=*")
_IN_TOKEN = re.compile(r"\S")
_TOKEN = re.compile(r"\S+")
_AROUND = "\"'`()[]{}<>,.;:"

# Kinds of characters: decimal digits, the other hexadecimal ones, and what may stand before or between numbers.
_KINDS = bytes(
    49 if chr(point) in _DIGITS else 97 if chr(point) in "abcdefABCDEF" else 32 if chr(point) in "xXuUoOB\\&%=#+;,:.|/_-{} \t\n" else 0
    for point in range(256)
)  # fmt: skip
_SHORTEST_RUN = 16
_ANY_KIND = bytes(kind > 0 for kind in range(256))
_RUN_OF_KINDS = re.compile(rb"[1 ][1a ]{14,}[1 a]")
_NUMBER = re.compile(r"(?:0[xXoObB]|\\[xuUoO]?\{?|[uU]\+|&#[xX]?|[%=$])?([0-9A-Fa-f]+)")
# Without one of these, numbers are runs of digits.
_NUMBER_OF_A_BASE = re.compile("0[xXoObB]")
_HEX_ALONE = bytes(point if chr(point) in string.hexdigits else 32 for point in range(256))
_BEFORE_NUMBER, _HEX_LETTER = "xXuU\\&#%=+{$", ord("a")
# By base, the widths of the characters of one that stand without gaps.
_WIDTHS = {2: (8, 7), 8: (3,), 10: (3,), 16: (2, 4)}
# Bits a letter that a list read as text must have, unless words are parted in it as they are in text.
_LANGUAGE = -5.0
_RARE_SIGNS = -9.0
_SHARE_OF_SPACES = (0.08, 0.3)
# A call for each number ("CHAR(72) + CHAR(97)").
_CALLS_GATE = re.compile(r"[A-Za-z]\(\w{2,8}\)\W{0,4}[A-Za-z]+\(\w{2,8}\)\W{0,4}[A-Za-z]+\(\w{2,8}\)")
_CALLS = re.compile(r"(?:[A-Za-z]{1,12}\((?:0x)?[0-9A-Fa-f]{1,6}\)[ +.,&|]{0,4}){6,}")
_CALLED = re.compile(r"\((?:0x)?([0-9A-Fa-f]{1,6})\)")
_KIND_OF_POINT = np.frombuffer(_KINDS[:128] + bytes(1), np.uint8)
_LONG_LINE = 24
_LARGEST_POINT = 0x10FFFF
_FIRST_CHARACTER = 9
# Numbers below the first character, in whatever base.
_NO_CHARACTERS = frozenset(
    f"{number:0{width}}" for number in range(_FIRST_CHARACTER - 1) for width in (1, 2, 3)
)
# What the digits of a number must all be among.
_DIGITS_OF_BASE = {
    2: frozenset("01"),
    8: frozenset("01234567"),
    10: frozenset(_DIGITS),
    16: frozenset(string.hexdigits),
}


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

    def read(self, token: str) -> bytes | None:
        """The bytes that a token stands for; None where it has other characters, or begins with no text."""
        token = token.rstrip("=") if "=" not in self.values else token
        if not self._digits.issuperset(token):
            return None
        if not self.group:
            return self._number(list(map(self.values.__getitem__, token))) if token else None
        first = token[: self.group * -(-_FIRST_OCTETS // self.octets)]
        start = self._groups(list(map(self.values.__getitem__, first)))
        packed = self.packs and start is not None and may_be_deflated(start)
        if start is None or not (packed or _may_be_text(start[:_FIRST_OCTETS])):
            return None
        return self._groups(list(map(self.values.__getitem__, token)))

    def _number(self, values: list[int]) -> bytes | None:
        if len(values) > _LONGEST_NUMBER:
            return None
        number = 0
        for value in values:
            number = number * len(self.alphabet) + value
        return number.to_bytes((number.bit_length() + 7) // 8)

    def _groups(self, values: list[int]) -> bytes | None:
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
_IN_SPACED = bytes(chr(point) in _DIGITS + _CAPITALS + " $%*+-./:" for point in range(256))
_IN_MEASURED = bytes(2 if point == 10 else 32 <= point <= 96 for point in range(256))
_SHORTEST_SPACED, _SHORTEST_MEASURED, _END_OF_LINE = 24, b"\1" * 5, b"\2"


def _coded_lines(text: str) -> Iterator[tuple[str, Callable[[str], str | None]]]:
    """What may be lines or stretches in a code with spaces, and what reads it; the patterns are slow where none may be."""
    # One byte for a character.
    raw = text.encode("ascii", "replace")
    for start, end in long_runs(raw.translate(_IN_SPACED), _SHORTEST_SPACED):
        yield from ((match[0], _from_spaced) for match in _SPACED.finditer(text, start, end))
    marks = raw.translate(_IN_MEASURED)
    if _SHORTEST_MEASURED + _END_OF_LINE not in marks + _END_OF_LINE:
        return
    may_be_coded = [line.endswith(_SHORTEST_MEASURED) for line in marks.split(_END_OF_LINE)]
    lines = zip(may_be_coded, text.split("\n"), strict=True)
    for may_be, group in itertools.groupby(lines, key=operator.itemgetter(0)):
        if may_be:
            together = "\n".join(line for _, line in group)
            yield from ((found, _from_measured) for found in _MEASURED_RUN.findall(together))


class NumberCodes:
    """Reads text that stands as numbers. Safe to share between threads."""

    def __init__(self, statistics: LetterStatistics) -> None:
        self._statistics = statistics

    def read_lists(self, text: str) -> AlignedText | None:
        """The text with lists of numbers, and digits of one width, read as characters; None where there are none."""
        found: list[tuple[int, int, str]] = []
        called = (
            _CALLS.sub(lambda run: ", ".join(_CALLED.findall(run[0])), text)
            if _CALLS_GATE.search(text)
            else text
        )
        if called != text:
            made = self.read_lists(called)
            return made and AlignedText(
                made.text, Replacements.of([0], [len(text)], [len(made.text)], len(text))
            )
        for start, end in number_runs(text):
            numbers = _numbers(text[start:end])
            if (read := self._read_list(numbers)) is not None:
                found.append((start, end, f" {read} "))
            else:
                found += self._read_segments(text, start, end, numbers)
        return replaced(text, found)

    def _read_segments(
        self, text: str, start: int, end: int, numbers: list[str]
    ) -> list[tuple[int, int, str]]:
        """Lists of numbers of one width, other numbers before or behind them."""
        found: list[tuple[int, int, str]] = []
        if len(numbers) < _FEWEST:
            return found
        lengths = [len(list(same)) for _, same in itertools.groupby(map(len, numbers))]
        if max(lengths) < _FEWEST:
            return found
        places = [match.span() for match in _NUMBER.finditer(text, start, end)]
        for length, behind in zip(lengths, itertools.accumulate(lengths), strict=True):
            (first, _), (_, last) = places[behind - length], places[behind - 1]
            if length >= _FEWEST and (first, last) != (start, end):
                read = self._read_numbers(numbers[behind - length : behind])
                found += [(first, last, f" {read} ")] if read is not None else []
        return found

    def _read_list(self, numbers: list[str]) -> str | None:
        if len(numbers) > 1:
            return self._read_numbers(numbers)
        (digits,) = numbers
        return self._best(
            [
                (base, [digits[place : place + width] for place in range(0, len(digits), width)])
                for base, widths in _WIDTHS.items()
                for width in widths
                if len(digits) % width == 0
            ]
        )

    def _read_numbers(self, numbers: list[str]) -> str | None:
        # One that is no character in any base is enough.
        if not _NO_CHARACTERS.isdisjoint(numbers):
            return None
        return self._best([(base, numbers) for base in _WIDTHS])

    def _best(self, lists: list[tuple[int, list[str]]]) -> str | None:
        readings = [_characters(each, base) for base, each in lists if len(each) >= _FEWEST]
        texts = [text.strip() for read in readings if read is not None and (text := text_in(bytes_of(read)))]
        best = max(texts, key=self._likeness, default=None)
        if best is None:
            return None
        spaces = best.count(" ") / len(best)
        parted = len(best) >= _SHORTEST_TOKEN and _SHARE_OF_SPACES[0] <= spaces <= _SHARE_OF_SPACES[1]
        return best if parted or looks_coded(best) or self._statistics.of_text(best) >= _LANGUAGE else None

    def _likeness(self, read: str) -> float:
        """The likeness of a reading; numbers read in a wrong base are mostly rare signs, which have none."""
        return self._statistics.of_text(read) if 2 * sum(map(str.isascii, read)) > len(read) else _RARE_SIGNS

    def read_digits(self, text: str) -> AlignedText | None:
        """The text with long tokens in the digits of a base read; None where there are none."""
        readings = {
            token: read for token in self._odd_tokens(text) if (read := self._read_token(token)) is not None
        }
        lines = {line: read for line, decode in _coded_lines(text) if (read := decode(line)) is not None}
        if lines:
            return substitute(_LINE, text, lambda line: lines.get(line) or readings.get(line))
        return substitute_words(_TOKEN, _IN_TOKEN, text, readings) if readings else None

    def _odd_tokens(self, text: str) -> list[str]:
        """Long runs of characters without a space that are unlike words."""
        words = list(
            dict.fromkeys(word for word in text.split() if _SHORTEST_TOKEN <= len(word) <= _LONGEST_RUN)
        )
        if not words:
            return []
        likeness, letters = self._statistics.likeness_of(words)
        odd = (likeness < _WORDS) & (letters >= _SHARE_OF_LETTERS)
        return list(itertools.compress(words, odd.tolist()))

    def _read_token(self, token: str) -> str | None:
        for inner in dict.fromkeys((token, token.strip(_AROUND), *_LETTERS_AND_DIGITS.findall(token))):
            for base in _bases_for(inner):
                if (raw := base.read(inner)) and (read := text_in(raw)) is not None:
                    return token.replace(inner, read)
        return None


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


@functools.lru_cache(64)
def number_runs(text: str) -> tuple[tuple[int, int], ...]:
    """Half-open stretches that are mostly numbers, with what may stand before and between them; long lines apart."""
    if text.isascii():
        kinds = text.encode().translate(_KINDS)
    else:
        kinds = _KIND_OF_POINT.take(points_of(text), mode="clip").tobytes()
    if kinds.count(b"1") < _FEWEST:
        return ()
    return tuple(
        run
        for start, end in long_runs(kinds.translate(_ANY_KIND), _SHORTEST_RUN)
        for match in _RUN_OF_KINDS.finditer(kinds, start, end)
        for run in _lines(text, kinds, *match.span())
    )


def _lines(text: str, kinds: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A run as it is where its lines are short, or else line by line; without what is no number at either end."""
    breaks = text.count("\n", start, end)
    # A table is no code; one of its lines may be.
    apart = breaks and end - start > _LONG_LINE * (breaks + 1)
    for line in text[start:end].split("\n") if apart else [text[start:end]]:
        last = start + len(line)
        digits = kinds.count(b"1", start, last)
        if digits >= _FEWEST and 3 * digits >= 2 * kinds.count(b"a", start, last):
            first = kinds.index(b"1", start)
            while first > start and text[first - 1] in _BEFORE_NUMBER:
                first -= 1
            end_of_last = kinds.rindex(b"1", start, last) + 1
            while end_of_last < last and kinds[end_of_last] == _HEX_LETTER:
                end_of_last += 1
            yield first, end_of_last + (text[end_of_last : end_of_last + 1] in ("}", ";"))
        start = last + 1


def _numbers(run: str) -> list[str]:
    """The numbers of a run, as `_NUMBER` finds them."""
    if _NUMBER_OF_A_BASE.search(run):
        return _NUMBER.findall(run)
    return run.encode("ascii", "replace").translate(_HEX_ALONE).decode().split()


def _characters(numbers: list[str], base: int) -> str | None:
    """Numbers in a base as bytes, or as code points; None where they are neither, or no text."""
    distinct = set(numbers)
    if not _DIGITS_OF_BASE[base].issuperset("".join(distinct)):
        return None
    points = {number: int(number, base) for number in distinct}
    if max(points.values()) > _LARGEST_POINT or min(points.values()) < _FIRST_CHARACTER:
        return None
    if max(points.values()) < 256:
        try:
            return bytes(map(points.__getitem__, numbers)).decode()
        except UnicodeDecodeError:
            pass
    characters = "".join(map(chr, points.values()))
    if not characters.isprintable() and not all(each.isprintable() or each.isspace() for each in characters):
        return None
    read = dict(zip(points, characters, strict=True))
    return "".join(map(read.__getitem__, numbers))
