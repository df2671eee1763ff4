"""Text that stands in characters nobody sees: as bytes in variation selectors, or as bits in zero-width characters or in blanks."""

import re
from collections.abc import Iterator
from itertools import pairwise

from lethe.classifier.disguises.packing import text_in
from lethe.classifier.text.aligned_text import AlignedText, replaced

# Emoji and scripts that join letters have one or two in a row.
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{6,}")
_FIRST_SELECTOR, _FIRST_OF_MORE, _SELECTORS_BEFORE = 0xFE00, 0xE0100, 16
_WITHOUT_WIDTH = re.compile(
    "[\u00ad\u034f\u061c\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]{24,}"
)
# Tables and indented code have fewer in a row, or all of one kind.
_BLANKS = re.compile(r"(?=[ \t]{0,40} \t)[ \t]{96,}")
# Controls beyond ASCII, which text read in a wrong code has few of.
_CONTROL, _LINE = re.compile(r"[\x80-\x9f]"), re.compile(r"[^\n]+")
_FEWEST_CONTROLS, _SHARE_OF_CONTROLS = 8, 0.2
_BITS_A_CHARACTER = (8, 7, 16)


def reveal(text: str) -> AlignedText | None:
    """The text with what stands in runs of invisible characters written out; None where there is nothing."""
    if text.isascii() and "\t " not in text:
        return None
    found = [
        (match.start(), match.end(), read)
        for pattern, decode in (
            (_SELECTORS, _from_selectors),
            (_WITHOUT_WIDTH, _from_bits),
            (_BLANKS, _from_bits),
        )
        for match in pattern.finditer(text)
        if (read := decode(match[0])) is not None
    ]
    return replaced(text, sorted(found))


def unread(text: str) -> list[tuple[int, int]]:
    """Half-open runs of invisible characters that say nothing which can be read, and lines of bytes that are no text."""
    if text.isascii():
        return []
    lines = _LINE.finditer(text) if _CONTROL.search(text) else ()
    return [match.span() for match in lines if _is_bytes(match[0])] + [
        match.span()
        for pattern, decode in ((_SELECTORS, _from_selectors), (_WITHOUT_WIDTH, _from_bits))
        for match in pattern.finditer(text)
        if len(match[0]) >= 24 and len(set(match[0])) > 1 and decode(match[0]) is None
    ]


def _is_bytes(line: str) -> bool:
    controls = _CONTROL.findall(line)
    # A table of a code has all of them, one after another.
    in_order = sum(ord(after) == ord(before) + 1 for before, after in pairwise(controls))
    return len(controls) >= max(_FEWEST_CONTROLS, _SHARE_OF_CONTROLS * len(line)) and 2 * in_order < len(
        controls
    )


def _from_selectors(run: str) -> str | None:
    return text_in(bytes(_byte_of(ord(character)) for character in run))


def _byte_of(selector: int) -> int:
    return (
        selector - _FIRST_SELECTOR
        if selector < _FIRST_OF_MORE
        else selector - _FIRST_OF_MORE + _SELECTORS_BEFORE
    )


def _from_bits(run: str) -> str | None:
    readings = [
        read
        for width in _BITS_A_CHARACTER
        for bits in _bits(run)
        if (read := _from_digits(bits, width)) is not None
    ]
    # Numbers read in a wrong way are mostly rare signs.
    return max(readings, key=lambda read: sum(map(str.isascii, read)) / len(read), default=None)


def _bits(run: str) -> Iterator[str]:
    """The run as binary digits, either character for nought; one of three may part the numbers."""
    kinds = sorted(set(run), key=run.count)
    if len(kinds) == 3:
        run = run.replace(kinds[0], "")
        kinds = kinds[1:]
    if len(kinds) == 2:
        for nought, one in (kinds, kinds[::-1]):
            yield run.translate({ord(nought): "0", ord(one): "1"})


def _from_digits(bits: str, width: int) -> str | None:
    whole = bits[: len(bits) // width * width]
    numbers = [int(whole[start : start + width], 2) for start in range(0, len(whole), width)]
    if max(numbers, default=0) < 256:
        return text_in(bytes(numbers))
    return text_in("".join(map(chr, numbers)).encode("utf-8", "replace"))
