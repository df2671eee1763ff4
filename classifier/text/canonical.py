"""One spelling for text that looks alike: compatibility forms, invisible characters, lookalike letters.

Every character keeps its place in the original, so spans found in canonical text can be shown in it.
Knows nothing about encodings or models.
"""

import functools
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from confusable_homoglyphs import confusables
from numpy.typing import NDArray

from lethe.classifier.text.aligned_text import AlignedText, Replacements
from lethe.classifier.text.points import distinct_points, points_of, ranges, text_of

_DROPPED_CATEGORIES = {"Mn", "Me", "Cf", "Cc", "Cs", "Co"}
# Marks without which words of these scripts would be other words.
_SPELLING_MARKS = re.compile(
    "THAI|LAO|KHMER|MYANMAR|DEVANAGARI|BENGALI|GUJARATI|GURMUKHI|KANNADA|MALAYALAM|ORIYA|SINHALA|TAMIL|TELUGU|TIBETAN"
    "|COMBINING KATAKANA"
)
# Scripts that spell by marks begin here; on a letter before it such a mark is a disguise.
_SPELLS_BY_MARKS = 0x0900
_DROPPED = 0x0300
_KEPT_CONTROLS = "\n\t\r"
_ASCII_CONTROLS = bytes(point for point in (*range(32), 127) if chr(point) not in _KEPT_CONTROLS)
_TAG_BLOCK_START = 0xE0000
# Letters in a frame, raised, small capitals, turned, struck through: whatever is done to a letter, its name says which it is.
_LETTER_NAME = re.compile(
    r"(?:REGIONAL INDICATOR SYMBOL|(?:(?:NEGATIVE |CROSSED )*(?:CIRCLED|SQUARED|COMBINING|PARENTHESIZED) )?LATIN(?: SMALL| CAPITAL)?) LETTER "
    r"(?:SMALL CAPITAL |SMALL |CAPITAL |TURNED |REVERSED |INVERTED |SIDEWAYS |OPEN |DOTLESS |BLACKLETTER )*([A-Z])(?: WITH [A-Z -]+)?"
)
# Small letters that pass for Latin ones in running text, though Unicode's list holds only exact lookalikes.
_NEAR_LOOKALIKES = dict(zip("кмнтпвηκτεβω", "kmhtnbnktebw", strict=True))


def canonicalise(text: str) -> AlignedText:
    """Read compatibility forms plainly, drop accents and invisible characters, read lookalike letters as Latin ones.

    Accents, strokes and frames are dropped from Latin letters; in other scripts a letter with its mark is another letter, and stays.
    Letters are read as lookalikes only in words that mix scripts, or that are made of lookalikes alone
    amid Latin text, so that Russian or Greek stays what it is. Characters of the tag block, which render as
    nothing and spell ASCII, are read as what they spell. See Unicode Technical Standard 39, section 4.
    """
    if text.isascii():
        raw = text.encode()
        if len(raw.translate(None, _ASCII_CONTROLS)) == len(raw):
            return AlignedText(text)
    decomposed, replacements = _decomposed(text)
    return AlignedText(_read_lookalikes(decomposed), replacements)


def canonical_texts(texts: Sequence[str]) -> list[str]:
    """What `canonicalise` reads in each of some texts: of many words in a fraction of the time that each takes alone."""
    # A line break stays one, and is no letter to which a mark behind it could belong.
    decomposed = iter(_decomposed("\n".join(text for text in texts if "\n" not in text))[0].split("\n"))
    return [canonicalise(text).text if "\n" in text else _read_lookalikes(next(decomposed)) for text in texts]


def _decomposed(text: str) -> tuple[str, Replacements | None]:
    """The text without compatibility forms, accents and invisible characters, and what was replaced, as of `_replace_points`."""
    points = _without_foreign_marks(points_of(text))
    pieces = {point: _decompose(chr(point)) for point in distinct_points(points)}
    changed = {point: piece for point, piece in pieces.items() if chr(point) != piece}
    return _replace_points(points, changed) if changed else (text, None)


def _replace_points(points: NDArray[np.uint32], pieces: Mapping[int, str]) -> tuple[str, Replacements | None]:
    """The text with some characters replaced, wherever they stand; no replacements where all are by single ones."""
    # The last entries stand for all points from there on.
    lengths, begins = np.ones(max(pieces) + 2, np.int64), np.full(max(pieces) + 2, -1, np.int64)
    lengths[list(pieces)] = list(map(len, pieces.values()))
    begins[list(pieces)] = np.cumsum([0, *map(len, pieces.values())])[:-1]
    (places,) = (begins.take(points, mode="clip") >= 0).nonzero()
    replaced = points[places]
    replacements = Replacements.of(places, places + 1, lengths[replaced], len(points))
    repeats = np.ones(len(points), np.int64)
    repeats[places] = lengths[replaced]
    rewritten = points.repeat(repeats)
    shifts = begins[replaced] - replacements.new_starts
    targets = ranges(replacements.new_starts, lengths[replaced])
    new = points_of("".join(pieces.values()))
    rewritten[targets] = new[targets + shifts.repeat(lengths[replaced])]
    text = text_of(rewritten)
    return text, replacements if np.any(lengths[replaced] != 1) else None


@functools.lru_cache(maxsize=1 << 14)
def _decompose(character: str) -> str:
    point = ord(character)
    if 0x20 <= point < 0x7F or character in _KEPT_CONTROLS:
        return character
    if _TAG_BLOCK_START + 0x20 <= point < _TAG_BLOCK_START + 0x7F:
        return chr(point - _TAG_BLOCK_START)
    name = unicodedata.name(character, "")
    if " LETTER " in name and (named := _LETTER_NAME.fullmatch(name)):
        return named[1] if " CAPITAL " in named[0] else named[1].lower()
    composed, decomposed = (unicodedata.normalize(form, character) for form in ("NFKC", "NFKD"))
    if len(composed) == 1 < len(decomposed) and not unicodedata.name(decomposed[0], "").startswith("LATIN"):
        return composed
    kept = (piece for piece in decomposed if _spells(piece))
    return unicodedata.normalize("NFC", "".join(kept))


def _spells(character: str) -> bool:
    """Whether a word would be another one without this character."""
    if unicodedata.category(character) not in _DROPPED_CATEGORIES:
        return True
    return bool(_SPELLING_MARKS.match(unicodedata.name(character, "")))


def _without_foreign_marks(points: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The points, in which marks that spell in one script and stand on letters of another are ones that are dropped."""
    if points.max(initial=0) < _SPELLS_BY_MARKS:
        return points
    marks = _marks(points, [chr(point) for point in distinct_points(points) if _is_spelling_mark(chr(point))])
    if not marks.any():
        return points
    base = np.maximum.accumulate(np.where(marks, -1, np.arange(len(points))))
    foreign = marks & ((base < 0) | (points[base] < _SPELLS_BY_MARKS))
    return np.where(foreign, np.uint32(_DROPPED), points)


def _is_spelling_mark(character: str) -> bool:
    return unicodedata.category(character) in _DROPPED_CATEGORIES and _spells(character)


def _read_lookalikes(text: str) -> str:
    if text.isascii():
        return text
    points = points_of(text)
    distinct = list(map(chr, distinct_points(points)))
    letters = {character: letter for character in distinct if (letter := lookalike(character))}
    if not letters:
        return text
    (places,) = _marks(points, filter(str.isalnum, letters)).nonzero()
    if not len(places):
        return text
    in_word = _marks(points, [character for character in distinct if character.isalnum() or character == "_"])
    latin = _marks(
        points, [character for character in distinct if character.isascii() and character.isalpha()]
    )
    edges = np.diff(np.concatenate([[False], in_word, [False]]).view(np.int8))
    starts, ends = (edges == 1).nonzero()[0], (edges == -1).nonzero()[0]
    word = starts.searchsorted(places, side="right") - 1
    so_far = np.concatenate([[0], latin.cumsum()])
    chosen = so_far[ends] > so_far[starts]
    foreign = _marks(
        points, [character for character in distinct if character > "\x7f" and character.isalpha()]
    )
    if so_far[-1] >= np.count_nonzero(foreign):
        chosen |= np.bincount(word, minlength=len(starts)) == ends - starts
    places = places[chosen[word]]
    if not len(places):
        return text
    spelled = np.zeros(max(map(ord, letters)) + 1, np.uint32)
    spelled[list(map(ord, letters))] = list(map(ord, letters.values()))
    points = points.copy()
    points[places] = spelled[points[places]]
    return text_of(points)


def _marks(points: NDArray[np.uint32], characters: Iterable[str]) -> NDArray[np.bool_]:
    """Where one of some characters stands."""
    chosen = list(map(ord, characters))
    # The last entry stands for all points from there on.
    table = np.zeros(max(chosen, default=0) + 2, bool)
    table[chosen] = True
    return table.take(points, mode="clip")


@functools.lru_cache(maxsize=1 << 14)
def lookalike(character: str) -> str | None:
    """The Latin letter that a character passes for, with its mark or without."""
    return _lookalikes().get(character) or _lookalikes().get(unicodedata.normalize("NFD", character)[0])


@functools.cache
def _lookalikes() -> dict[str, str]:
    table: dict[str, str] = {}
    for character, others in confusables.confusables_data.items():
        letters = [other["c"] for other in others if len(other["c"]) == 1 and other["c"].isascii()]
        letter = next((letter for letter in letters if letter.isalpha()), None)
        if letter and len(character) == 1 and not character.isascii():
            table[character] = letter
    return _NEAR_LOOKALIKES | table
