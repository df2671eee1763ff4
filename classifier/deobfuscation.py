"""Other readings of a text: what it says once an encoding or a disguise is taken off.

A reading never replaces the text: the classifier reads the text as it stands, and every other reading too. Their
number is bounded, and a text with more of them says so instead of losing one in silence.
"""

import base64
import binascii
import codecs
import html
import re
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass

import numpy as np

from lethe.classifier.aligned_text import AlignedText, substitute
from lethe.classifier.canonical import canonicalise
from lethe.classifier.spelling import Lexicon

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,2}")
_WRAPPED = re.compile(r"(?<=[A-Za-z0-9+/])\r?\n(?=[A-Za-z0-9+/=])")
_HEX = re.compile(
    r"(?<![0-9A-Za-z])(?:(?:[0-9a-fA-F]{2}){6,}|(?:(?:0x|\\x|%)?[0-9a-fA-F]{2}[ :,]{1,2}){6,}[0-9a-fA-F]{2}"
    r"|(?:(?:0x|\\x|%)[0-9a-fA-F]{2}){6,})(?![0-9A-Za-z])"
)
_BINARY = re.compile(r"(?:[01]{8}[ ,]?){4,}")
_ESCAPES = re.compile(r"\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|&#?\w{2,8};|%[0-9a-fA-F]{2}")
_UNICODE_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})")
_SPACED = re.compile(r"(?<!\w)\w(?:[ \t\r\n._\-*·|/'’]{1,3}\w(?!\w)){3,}")
_WORD_GAP = re.compile(r"[ \t]{2,3}|\r?\n\r?\n| [./|*·-] ")
_PUNCTUATED_WORD_GAP = re.compile(r"[ \t]+")
_LEET_WORD = re.compile(r"(?<!\S)(?=\S{3,24}(?!\S))(?=\S*[^\W\d_])\S*(?:[0134578@$|]|!(?=\w))\S*")
_LEET_ANY = re.compile(r"(?<!\S)\S{1,24}(?!\S)")
_LEET_SIGN = re.compile(r"[0-9@$|!+]")
_LEET_SHARE = 0.3
_LEET = str.maketrans("013457@$!|+8", "oieastasilt" + "b")
_LEET_ONE_AS_L = _LEET | {ord("1"): "l", ord("!"): "l"}
_LITERAL = re.compile(r"""(["'`])([^"'`\n]{1,64})\1""")
_LITERAL_IN_CODE = re.compile(r"""[=+(\[]\s?["'`][^"'`\n]{1,64}["'`]""")
_LETTERS = re.compile(r"[a-z]")

# Gives another reading of a text: its characters traced, or not; None where it shows no sign of the disguise.
_Reader = Callable[[str], "AlignedText | str | None"]


@dataclass(frozen=True)
class Reading:
    """One reading of a text, with the way it was read: the name of every step."""

    way: tuple[str, ...]
    canonical: AlignedText

    @property
    def name(self) -> str:
        """The last step."""
        return self.way[-1]

    @property
    def speculative(self) -> bool:
        """Whether the reading is mostly nonsense, and so must show sense itself."""
        return self.name in _SPECULATIVE


@dataclass(frozen=True)
class Readings:
    """All readings of a text; ``complete`` is False where the bound stopped the search for more."""

    found: tuple[Reading, ...]
    complete: bool


def find_readings(
    text: str, lexicon: Lexicon | None = None, *, maximum_readings: int = 32, maximum_depth: int = 2
) -> Readings:
    """Read a text plainly and through every disguise that it shows signs of.

    Parameters
    ----------
    lexicon
        Known words; without them misspelt words and words without spaces are read as they stand, and letters are turned
        whether or not that makes sense.
    maximum_readings
        How many readings to return at most, the plain one included.
    maximum_depth
        How many encodings inside one another to take off.
    """
    readers = dict(_READERS)
    if lexicon is not None:
        readers |= {"unjoined": lexicon.unjoin, "respelled": lexicon.respell}
        readers |= {name: _where_sensible(_READERS[name], turn, lexicon) for name, turn in _TURNS.items()}
    readings = [Reading(("plain",), canonicalise(text))]
    seen = {readings[0].canonical.text}
    frontier = list(readings)
    for _ in range(maximum_depth):
        found: list[Reading] = []
        for parent in frontier:
            for reading in _further_readings(parent, readers, seen):
                if len(readings) == maximum_readings:
                    return Readings(tuple(readings), complete=False)
                seen.add(reading.canonical.text)
                readings.append(reading)
                found.append(reading)
        frontier = found
    # Other disguises come in no order, but code within code within code hides what is innermost.
    innermost = [reading for reading in frontier if _ENCODINGS.keys() >= set(reading.way[1:])]
    hidden = any(True for reading in innermost for _ in _further_readings(reading, _ENCODINGS, seen))
    return Readings(tuple(readings), complete=not hidden)


def _further_readings(parent: Reading, readers: Mapping[str, _Reader], seen: Set[str]) -> Iterator[Reading]:
    text = parent.canonical.text
    for name, read in readers.items():
        if name not in _FOLLOWED_BY.get(parent.name, readers):
            continue
        result = read(text)
        if result is not None:
            rewritten = result if isinstance(result, AlignedText) else _whole(result, len(text))
            reading = Reading((*parent.way, name), _onto(parent.canonical, rewritten, len(text)))
            if reading.canonical.text.strip() and reading.canonical.text not in seen:
                yield reading


def _onto(parent: AlignedText, child: AlignedText, length: int) -> AlignedText:
    if child.starts is None or child.ends is None:
        return _onto(parent, _whole(child.text, length), length)
    return parent.rewrite(child.text, child.starts, child.ends)


def _whole(text: str, length: int) -> AlignedText:
    """A reading whose characters cannot be traced: each stands for the whole text."""
    return AlignedText(text, np.zeros(len(text), np.int32), np.full(len(text), length, np.int32))


def _read_base64(text: str) -> AlignedText | None:
    if "\n" in text:
        text = _WRAPPED.sub("", text) if not _BASE64.search(text) else text
    return substitute(_BASE64, text, _decode_base64)


def _decode_base64(blob: str) -> str | None:
    body = blob.rstrip("=").replace("-", "+").replace("_", "/")
    body = body[: len(body) - (len(body) % 4 == 1)]
    try:
        return _printable(base64.b64decode(body + "=" * (-len(body) % 4)))
    except (ValueError, binascii.Error):
        return None


def _read_hex(text: str) -> AlignedText | None:
    return substitute(_HEX, text, lambda blob: _printable(bytes.fromhex(re.sub(r"0x|\\x|%|[ :,]", "", blob))))


def _read_binary(text: str) -> AlignedText | None:
    return substitute(
        _BINARY, text, lambda blob: _printable(bytes(int(octet, 2) for octet in re.findall("[01]{8}", blob)))
    )


def _printable(raw: bytes) -> str | None:
    try:
        decoded = raw.decode()
    except UnicodeDecodeError:
        return None
    readable = sum(character.isprintable() or character.isspace() for character in decoded)
    letters = sum(character.isalpha() or character == " " for character in decoded)
    if not decoded or readable < len(decoded):
        return None
    if letters < 0.6 * len(decoded) and not any(
        code.fullmatch(decoded.strip()) for code in (_BASE64, _HEX, _BINARY)
    ):
        return None
    return f" {decoded} "


def _read_escapes(text: str) -> AlignedText | None:
    if not _ESCAPES.search(text):
        return None
    plain = urllib.parse.unquote(
        html.unescape(_UNICODE_ESCAPE.sub(lambda m: chr(int(m[1] or m[2], 16)), text))
    )
    return _whole(canonicalise(plain).text, len(text)) if plain != text else None


def _read_spaced(text: str) -> AlignedText | None:
    def close(run: str) -> str:
        # Where marks part the letters, a space parts the words.
        marked = 2 * sum(not (character.isalnum() or character.isspace()) for character in run) > len(run) / 2
        words = (_PUNCTUATED_WORD_GAP if marked else _WORD_GAP).split(run)
        return " ".join(re.sub(r"[\W_]", "", word) for word in words)

    return substitute(_SPACED, text, close)


def _read_leet(text: str) -> AlignedText | None:
    return _spelled_out(text, _LEET)


def _read_leet_one_as_l(text: str) -> AlignedText | None:
    return _spelled_out(text, _LEET_ONE_AS_L) if "1" in text or "!" in text else None


def _spelled_out(text: str, letters: Mapping[int, int | str]) -> AlignedText | None:
    if not _LEET_SIGN.search(text):
        return None
    disguised = len(_LEET_WORD.findall(text))
    # Amid many such words, digits alone are words too ("15 7h3 0wl").
    usual = disguised >= _LEET_SHARE * len(text.split())
    return substitute(_LEET_ANY if usual else _LEET_WORD, text, lambda word: word.translate(letters))


def _read_literals(text: str) -> AlignedText | None:
    """Join the quoted pieces that code would join."""
    matches = list(_LITERAL.finditer(text))
    if len(matches) < 2 or not _LITERAL_IN_CODE.search(text):
        return None
    joined = "".join(match[2] for match in matches)
    starts = np.concatenate([np.arange(*match.span(2), dtype=np.int32) for match in matches])
    return AlignedText(joined, starts, starts + np.int32(1))


def _read_rot13(text: str) -> AlignedText | None:
    if not _LETTERS.search(text):
        return None
    starts = np.arange(len(text), dtype=np.int32)
    return AlignedText(_by_thirteen(text), starts, starts + np.int32(1))


def _read_reversed(text: str) -> AlignedText | None:
    if not _LETTERS.search(text):
        return None
    starts = np.arange(len(text), dtype=np.int32)[::-1]
    return AlignedText(_backwards(text), starts, starts + np.int32(1))


def _by_thirteen(text: str) -> str:
    return codecs.encode(text, "rot13")


def _backwards(text: str) -> str:
    return text[::-1]


def _where_sensible(read: _Reader, turn: Callable[[str], str], lexicon: Lexicon) -> _Reader:
    """A reader of turned letters that leaves alone what makes no more sense for it."""
    return lambda text: read(text) if lexicon.makes_sense_of(text, turn) else None


# Their results show sense themselves, or are left alone.
_CODES: dict[str, _Reader] = {"base64": _read_base64, "hex": _read_hex, "binary": _read_binary}
_ENCODINGS: dict[str, _Reader] = {"escapes": _read_escapes, **_CODES}
_READERS: dict[str, _Reader] = {
    **_ENCODINGS,
    "spaced": _read_spaced,
    "leet": _read_leet,
    "leet, 1 as l": _read_leet_one_as_l,
    "literals": _read_literals,
    "rot13": _read_rot13,
    "reversed": _read_reversed,
}
_TURNS: dict[str, Callable[[str], str]] = {"rot13": _by_thirteen, "reversed": _backwards}
_SPECULATIVE = _TURNS.keys()
# What is looked for in a reading; everything in the plain one and in what was decoded. Letters are turned where a single word
# makes sense for it, so only codes are looked for in what results.
_FOLLOWED_BY: Mapping[str, Set[str]] = {
    "unjoined": {"respelled"},
    "respelled": set(),
    "leet": set(),
    "leet, 1 as l": set(),
    **dict.fromkeys(_SPECULATIVE, _CODES.keys()),
}
