"""Characters that are written as escapes: of programs, of addresses, of HTML."""

import html
import re
import urllib.parse

from lethe.classifier.text.aligned_text import AlignedText, substitute_words
from lethe.classifier.text.canonical import canonical_texts

_ESCAPES = re.compile(r"\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|&#?\w{2,8};|%[0-9a-fA-F]{2}")
_ESCAPE_SIGN = re.compile(r"[&%\\]")
_UNICODE_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})")
_TOKEN, _IN_TOKEN = re.compile(r"\S+"), re.compile(r"\S")


def has_escape(text: str) -> bool:
    """Whether one stands in a text whole."""
    return _ESCAPE_SIGN.search(text) is not None and _ESCAPES.search(text) is not None


def read_escapes(text: str) -> AlignedText | None:
    """The text unescaped, its characters not traced."""
    plain = _unescape(text) if _ESCAPE_SIGN.search(text) else text
    return AlignedText(plain) if plain != text else None


def read_escaped_words(text: str) -> AlignedText | None:
    """The text with each word unescaped and spelled as canonical text is, its characters traced."""
    escaped = [word for word in set(text.split()) if _ESCAPE_SIGN.search(word)]
    plain = {word: read for word in escaped if (read := _unescape(word)) != word}
    readings = dict(zip(plain, canonical_texts(list(plain.values())), strict=True))
    return substitute_words(_TOKEN, _IN_TOKEN, text, readings)


def _unescape(text: str) -> str:
    return urllib.parse.unquote(
        html.unescape(_UNICODE_ESCAPE.sub(lambda m: chr(int(m[1] or m[2], 16)), text))
    )
