"""The text of documents without their markup, as people paste it. Knows markup; knows nothing about files."""

import html
import re

_UNSEEN = re.compile(r"<!--.*?-->|<(script|style|svg)\b[^>]*>.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_BREAK = re.compile(
    r"</?(?:p|div|br|li|ul|ol|dl|dt|dd|tr|table|h[1-6]|pre|section|title|head|body)\b[^<>]*>", re.IGNORECASE
)
_TAG = re.compile(r"<[^<>]*>")
_SPACES = re.compile(r"[ \t\xa0]+")
_EMPTY_LINES = re.compile(r"[ \t]*\n\s*\n\s*")

_ROFF_DEFINITION = re.compile(r"^\.\s*(?:de|ig)\b.*?^\.\.$", re.DOTALL | re.MULTILINE)
# Comments, and requests and macros that set nothing in print: the former in lower case.
_ROFF_UNPRINTED = re.compile(r"^[.'][ \t]*(?:\\\"|[a-z]|(?:PD|TS|TE|IX|RS|RE|UC|DT)\b).*\n?", re.MULTILINE)
_ROFF_MACRO = re.compile(r"^[.'][ \t]*[A-Za-z]*[ \t]*", re.MULTILINE)
_ROFF_ESCAPES = (
    (re.compile(r"\\\".*$", re.MULTILINE), ""),
    (re.compile(r"\\f(?:\[\w*\]|\(..|.)|\\s[-+]?\d|\\[&%/|,:^]|\\c$|\\[mM]\[\w*\]"), ""),
    (re.compile(r"\\(?:\((?:aq|cq|oq)|\[(?:aq|cq|oq)\])"), "'"),
    (re.compile(r"\\(?:\((?:lq|rq|dq)|\[(?:lq|rq|dq)\])"), '"'),
    (re.compile(r"\\(?:\(e[mn]|\[e[mn]\])"), "–"),
    (re.compile(r"\\\((?:bu|co|rg|tm)|\\\[[^\]]*\]|\\\*(?:\(..|\[[^\]]*\]|.)|\\\(.."), ""),
    (re.compile(r"\\(?:e|\\)"), r"\\"),
    (re.compile(r"\\([- .~'`])"), r"\1"),
)


def strip_html(text: str) -> str:
    """What a browser would show of a page, paragraphs apart."""
    shown = _TAG.sub(" ", _BREAK.sub("\n", _UNSEEN.sub(" ", text)))
    return _folded(html.unescape(shown))


def strip_roff(text: str) -> str:
    """The words of a manual page, its headings on lines of their own."""
    words = _ROFF_UNPRINTED.sub("", _ROFF_DEFINITION.sub("", text))
    words = _ROFF_MACRO.sub("", words)
    for escape, meaning in _ROFF_ESCAPES:
        words = escape.sub(meaning, words)
    return _folded(words)


def _folded(text: str) -> str:
    return _EMPTY_LINES.sub("\n\n", _SPACES.sub(" ", text)).strip()
