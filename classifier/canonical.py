"""One spelling for text that looks alike: compatibility forms, invisible characters, lookalike letters.

Every character keeps its place in the original, so spans found in canonical text can be shown in it.
Knows nothing about encodings or models.
"""

import functools
import re
import unicodedata

import numpy as np
from confusable_homoglyphs import confusables

from lethe.classifier.aligned_text import AlignedText

_DROPPED_CATEGORIES = {"Mn", "Me", "Cf", "Cc", "Cs", "Co"}
_KEPT_CONTROLS = "\n\t\r"
_NON_ASCII_WORD = re.compile(r"\w*[^\W\x00-\x7f]\w*")
_ASCII_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TAG_BLOCK_START = 0xE0000
# Small letters that pass for Latin ones in running text, though Unicode's list holds only exact lookalikes.
_NEAR_LOOKALIKES = dict(zip("кмнтпвηκτεβω", "kmhtnbnktebw", strict=True))


def canonicalise(text: str) -> AlignedText:
    """Decompose by NFKD, drop marks and invisible characters, read lookalike letters as Latin ones.

    Letters are read as lookalikes only in words that mix scripts, or that are made of lookalikes alone
    amid Latin text, so that Russian or Greek stays what it is. Characters of the tag block, which render as
    nothing and spell ASCII, are read as what they spell. See Unicode Technical Standard 39, section 4.
    """
    if text.isascii() and not _ASCII_CONTROLS.search(text):
        return AlignedText(text)
    pieces = [_decompose(character) for character in text]
    lengths = np.fromiter(map(len, pieces), np.int32, len(pieces))
    starts = np.repeat(np.arange(len(pieces), dtype=np.int32), lengths)
    decomposed = "".join(pieces)
    return AlignedText(_read_lookalikes(decomposed), starts, starts + np.int32(1))


@functools.lru_cache(maxsize=1 << 14)
def _decompose(character: str) -> str:
    point = ord(character)
    if 0x20 <= point < 0x7F or character in _KEPT_CONTROLS:
        return character
    if _TAG_BLOCK_START + 0x20 <= point < _TAG_BLOCK_START + 0x7F:
        return chr(point - _TAG_BLOCK_START)
    return "".join(
        piece
        for piece in unicodedata.normalize("NFKD", character)
        if unicodedata.category(piece) not in _DROPPED_CATEGORIES
    )


def _read_lookalikes(text: str) -> str:
    if text.isascii():
        return text
    lookalikes = _lookalikes()
    latin = sum(character.isascii() and character.isalpha() for character in text)
    foreign = sum(not character.isascii() and character.isalpha() for character in text)
    amid_latin = latin >= foreign

    def read(match: re.Match[str]) -> str:
        word = match.group()
        mixed = any(character.isascii() and character.isalpha() for character in word)
        if mixed or (amid_latin and all(character in lookalikes for character in word)):
            return "".join(lookalikes.get(character, character) for character in word)
        return word

    return _NON_ASCII_WORD.sub(read, text)


@functools.cache
def _lookalikes() -> dict[str, str]:
    table: dict[str, str] = {}
    for character, others in confusables.confusables_data.items():
        letters = [other["c"] for other in others if len(other["c"]) == 1 and other["c"].isascii()]
        letter = next((letter for letter in letters if letter.isalpha()), None)
        if letter and len(character) == 1 and not character.isascii():
            table[character] = letter
    return _NEAR_LOOKALIKES | table
