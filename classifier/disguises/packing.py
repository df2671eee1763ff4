"""What bytes say: text as it is, or text that was compressed or put into an archive."""

import bz2
import lzma
import re
import string
import struct
import zlib
from collections.abc import Callable

import numpy as np

from lethe.classifier.text.letter_statistics import LetterStatistics

# What a packed text may grow to; all that a prompt's question needs.
_MOST_BYTES = 1 << 16
_LEAST_LETTERS = 0.6
_SHORTEST_DEFLATED = 12
# Of a file's bytes, how many must be in runs of text, and how many there must be.
_TEXT_RUN, _LEAST_TEXTS, _SHORTEST_TEXTS = re.compile(rb"[ -~]{6,}"), 0.25, 12
_SHORTEST_OTHERWISE, _LEAST_OF_SENTENCES, _LEAST_SPACES = 12, 0.85, 0.08
# Bits a letter.
_LANGUAGE = -4.4
_OF_SENTENCES = (string.ascii_letters + " ").encode()
# By the value, tables that change some bits of an octet, and that add to it.
_OCTETS = np.arange(256, dtype=np.uint8)
_CHANGED_BITS = tuple((_OCTETS ^ value).tobytes() for value in _OCTETS)
_CHANGED_BY = tuple((_OCTETS + value).tobytes() for value in _OCTETS)
_FROM_EBCDIC = bytes(range(256)).decode("cp037").encode("latin-1", "replace")
# Each bit of a Gray code says whether the one before it changes.
_FROM_GRAY = bytes(
    code ^ code >> 1 ^ code >> 2 ^ code >> 3 ^ code >> 4 ^ code >> 5 ^ code >> 6 ^ code >> 7
    for code in range(256)
)
_CODE_ALONE = re.compile(r"[A-Za-z0-9+/_=%&#;:,.\\*$!?@^|~<>(){}\[\]\s-]{12,}")
_ODDEST_CODE = re.compile(r"\d|[+/=%\\]|[.-]{2}|[a-z][A-Z]|[A-Z]{6}")


def text_in(raw: bytes) -> str | None:
    """The text that bytes are, or that they unpack to; None where that is none."""
    unpacked = _unpacked(raw)
    read = _printable(raw if unpacked is None else unpacked)
    if unpacked is not None or (read is not None and not looks_coded(read.strip())):
        return read
    return _written_otherwise(raw) or read or _deflated(raw)


def texts_in(raw: bytes) -> str | None:
    """The texts that stand in a binary file, as in a certificate; None where there are none to speak of."""
    found = _TEXT_RUN.findall(raw)
    length = sum(map(len, found))
    if length < max(_SHORTEST_TEXTS, _LEAST_TEXTS * len(raw)):
        return None
    return f" {b' '.join(found).decode()} "


def _written_otherwise(raw: bytes) -> str | None:
    """Text whose bytes are of another code, or were all changed in one way; none but the right one makes bytes text."""
    if len(raw) < _SHORTEST_OTHERWISE:
        return None
    if raw.count(0) >= len(raw) // 3:
        # Two octets a character.
        order = "be" if raw[0] == 0 else "le"
        return _printable(raw.decode(f"utf-16-{order}", "replace").encode("utf-8", "replace"))
    # The commonest character of text is a space; where none stands twice none is common enough, but in very few bytes.
    if _LEAST_SPACES * len(raw) > 1 and len(set(raw)) == len(raw):
        return None
    counts = np.bincount(np.frombuffer(raw, np.uint8))
    commonest = int(counts.argmax())
    if counts[commonest] < _LEAST_SPACES * len(raw):
        return None
    tables = (
        _FROM_EBCDIC,
        _FROM_GRAY,
        _CHANGED_BITS[commonest ^ 32],
        _CHANGED_BY[(32 - commonest) % 256],
    )
    for table in tables:
        changed = raw.translate(table)
        others = changed.translate(None, _OF_SENTENCES)
        if len(others) > (1 - _LEAST_OF_SENTENCES) * len(changed):
            continue
        read = _printable(changed)
        if read is not None and LetterStatistics.load().of_text(read) >= _LANGUAGE:
            return read
    return None


def looks_coded(text: str) -> bool:
    """Whether a text without words may be in a code itself."""
    return _CODE_ALONE.fullmatch(text) is not None and len(_ODDEST_CODE.findall(text)) * 8 >= len(text)


def _unpacked(raw: bytes) -> bytes | None:
    """What compressed bytes unpack to, cut to what is read; None where they are not compressed."""
    if raw[:1] not in _FIRST_OF_PACKED:
        return None
    for beginning, unpack in _UNPACK:
        if raw.startswith(beginning):
            try:
                return _in_archive(unpack(raw))
            except (OSError, ValueError, EOFError, struct.error, zlib.error, lzma.LZMAError):
                return None
    return None


def _printable(raw: bytes) -> str | None:
    try:
        decoded = raw.decode()
    except UnicodeDecodeError:
        return None
    if not decoded or not all(character.isprintable() or character.isspace() for character in decoded):
        return None
    letters = sum(character.isalpha() or character == " " for character in decoded)
    if letters < _LEAST_LETTERS * len(decoded) and not looks_coded(decoded.strip()):
        return None
    return f" {decoded} "


def may_be_deflated(raw: bytes) -> bool:
    """Whether bytes begin as compressed text without a head does: a last block, in fixed codes or in codes of its own."""
    return bool(raw) and raw[0] & 7 in (0b011, 0b101)


def _deflated(raw: bytes) -> str | None:
    """Text that was compressed and has no head that says so; bytes at random are none from beginning to end."""
    if not may_be_deflated(raw):
        return None
    inflater = zlib.decompressobj(-15)
    try:
        unpacked = inflater.decompress(raw[:_MOST_BYTES], _MOST_BYTES)
    except zlib.error:
        return None
    return _printable(unpacked) if inflater.eof and len(unpacked) >= _SHORTEST_DEFLATED else None


def _from_zip(raw: bytes) -> bytes:
    """The files of a zip archive, one after another, from their own heads: the list at its end may be cut off."""
    read, place = b"", 0
    while len(read) < _MOST_BYTES and raw.startswith(_ZIP, place):
        method, packed, name, extra = struct.unpack_from("<8xH8xI4xHH", raw, place)
        begins = place + 30 + name + extra
        body = raw[begins : begins + packed] if packed else raw[begins:]
        read += b"\n" + (zlib.decompressobj(-15).decompress(body, _MOST_BYTES) if method == 8 else body)
        place = begins + len(body)
    return read


def _in_archive(raw: bytes) -> bytes:
    """The first files of a tar archive, one after another; other bytes as they are."""
    if raw[257:262] != b"ustar":
        return raw
    read, place = b"", 0
    while place + 512 <= len(raw) and (size := raw[place + 124 : place + 136].strip(b"\0 ")):
        place += 512
        read += b"\n" + raw[place : place + int(size, 8)]
        place += -(-int(size, 8) // 512) * 512
    return read


def _inflate(raw: bytes) -> bytes:
    # 32 more than the largest window: with the head of gzip or of zlib.
    return zlib.decompressobj(47).decompress(raw, _MOST_BYTES)


_ZIP = b"PK\x03\x04"
_UNPACK: tuple[tuple[bytes, Callable[[bytes], bytes]], ...] = (
    (b"\x1f\x8b", _inflate),
    (_ZIP, _from_zip),
    *((bytes([0x78, level]), _inflate) for level in (0x01, 0x5E, 0x9C, 0xDA)),
    (b"BZh", lambda raw: bz2.BZ2Decompressor().decompress(raw, _MOST_BYTES)),
    (b"\xfd7zXZ\x00", lambda raw: lzma.LZMADecompressor(memlimit=1 << 26).decompress(raw, _MOST_BYTES)),
    (b"\x5d\x00\x00", lambda raw: lzma.LZMADecompressor(memlimit=1 << 26).decompress(raw, _MOST_BYTES)),
)
_FIRST_OF_PACKED = frozenset(beginning[:1] for beginning, _ in _UNPACK)
