"""Base64 and hexadecimal, wherever they stand in a text."""

import binascii
import re
import string
from collections.abc import Callable
from functools import lru_cache

from lethe.classifier.disguises.packing import may_be_deflated, text_in, texts_in
from lethe.classifier.disguises.reader import Reader
from lethe.classifier.disguises.scan import Scan, kind
from lethe.classifier.text.aligned_text import AlignedText, substitute
from lethe.classifier.text.points import bytes_of, long_runs

# Patterns are slow, and seldom find anything: runs of bytes say first whether they may.
BASE64 = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,2}")
_SHORTEST_BASE64 = 12
_ALPHANUMERIC = (string.ascii_letters + string.digits).encode()
_IN_BASE64 = bytes(point in _ALPHANUMERIC + b"+/_-" for point in range(256))
# What text in it begins with: the first six bits of a letter, digit, mark, space, or a longer character's first byte; and
# what compressed text does.
_BASE64_OF_TEXT = frozenset("/CDHIJKLMNOPQRSTUVWXYZabcdefwxyz0123456789")
_BASE64_DIGITS = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
# Shorter ones hold less than a question, and names in code are such.
_SHORTEST_DEFLATED = _SHORTEST_WITH_TEXTS = 32
# Long words are mostly names, which come back.
_WORDS_REMEMBERED, _LONGEST_REMEMBERED = 1 << 13, 64
# What is so long is tried whatever it begins with: a line of a file may begin anywhere in it.
_LONG_BASE64 = 48
_DIGIT = re.compile(r"\d")
_HEX = re.compile(
    r"(?<![0-9A-Za-z])(?:(?:[0-9a-fA-F]{2}){6,}|(?:(?:0x|\\x|%)?[0-9a-fA-F]{2}[ :,]{1,2}){6,}[0-9a-fA-F]{2}"
    r"|(?:(?:0x|\\x|%)[0-9a-fA-F]{2}){6,})(?![0-9A-Za-z])"
)
# Any number in hexadecimal has one of these in the kinds of its characters: digits, what parts them, and marks before them.
_HEX_KINDS = bytes.maketrans(b"0123456789ABCDEFabcdef :,", b"d" * 22 + b"   ")
_HEX_RUN_IN_KINDS = b"d" * 12
_HEX_SIGNS_IN_KINDS = (b" ".join([b"dd"] * 7), b"xdd ", b"%dd ", b"xdddx", b"xdd\\x", b"%dd%")
_IS_ALPHANUMERIC = bytes(point in _ALPHANUMERIC for point in range(256))


_RUN_OF_BASE64 = kind(string.ascii_letters + string.digits + "+/_-")
_RUN_OF_HEX, _BETWEEN_HEX = kind(string.hexdigits), b" :,x\\%"


def _may_be_base64(scan: Scan) -> bool:
    return scan.has_run(_RUN_OF_BASE64, _SHORTEST_BASE64)


def _may_be_hex(scan: Scan) -> bool:
    # Six pairs of digits, whatever stands before and between them.
    return scan.has_run(_RUN_OF_HEX, 12, without=_BETWEEN_HEX)


def read_base64(text: str) -> AlignedText | None:
    """The text with what stands in base64 decoded; None where nothing does."""
    if not any(map(_decode_base64, _long_words(text, _IN_BASE64, _SHORTEST_BASE64))):
        return None
    return _decoded(BASE64, text, _decode_base64)


def _long_words(text: str, inside: bytes, shortest: int) -> set[str]:
    """The different runs of at least so many characters of a kind, all of ASCII, given a table for `bytes.translate`."""
    raw = bytes_of(text)
    return {raw[start:end].decode() for start, end in long_runs(raw.translate(inside), shortest)}


def _decoded(pattern: re.Pattern[str], text: str, decode: Callable[[str], str | None]) -> AlignedText | None:
    """The text with every code decoded that can be; mostly none can, and the same ones stand there many times."""
    plain = {blob: read for blob in set(pattern.findall(text)) if (read := decode(blob)) is not None}
    return substitute(pattern, text, plain.get) if plain else None


def _decode_base64(blob: str) -> str | None:
    return (_decode_word if len(blob) <= _LONGEST_REMEMBERED else _decoded_base64)(blob)


def _decoded_base64(blob: str) -> str | None:
    # Names of files are long too, and have seldom digits.
    long = len(blob) >= _LONG_BASE64 and _DIGIT.search(blob) is not None
    if blob[0] not in _BASE64_OF_TEXT and not long and not _may_be_deflated(blob):
        return None
    if blob[0] == "+" and blob[-1] == "-":
        # The marks around a run of it in UTF-7.
        blob = blob[1:-1]
    body = blob.rstrip("=").replace("-", "+").replace("_", "/")
    body = body[: len(body) - (len(body) % 4 == 1)]
    try:
        raw = binascii.a2b_base64(body + "=" * (-len(body) % 4))
    except binascii.Error:
        return None
    read = text_in(raw)
    return texts_in(raw) if read is None and len(blob) >= _SHORTEST_WITH_TEXTS else read


_decode_word = lru_cache(_WORDS_REMEMBERED)(_decoded_base64)


def _may_be_deflated(blob: str) -> bool:
    # The first octet is six bits of the first character and two of the second.
    first, second = (_BASE64_DIGITS.find(digit) for digit in blob[:2].replace("-", "+").replace("_", "/"))
    return len(blob) >= _SHORTEST_DEFLATED and may_be_deflated(bytes([(first << 2 | second >> 4) & 255]))


def read_hex(text: str) -> AlignedText | None:
    """The text with what stands in hexadecimal decoded; None where nothing does."""
    kinds = bytes_of(text).translate(_HEX_KINDS).replace(b"  ", b" ")
    if not any(sign in kinds for sign in _HEX_SIGNS_IN_KINDS):
        if _HEX_RUN_IN_KINDS not in kinds:
            return None
        if not any(map(_decode_hex, _long_words(text, _IS_ALPHANUMERIC, len(_HEX_RUN_IN_KINDS)))):
            return None
    return _decoded(_HEX, text, _decode_hex)


def _decode_hex(blob: str) -> str | None:
    try:
        return text_in(bytes.fromhex(re.sub(r"0x|\\x|%|[ :,]", "", blob)))
    except ValueError:
        return None


BASE64_READER = Reader("base64", _may_be_base64, read_base64)
HEX_READER = Reader("hex", _may_be_hex, read_hex)
