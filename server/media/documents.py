"""Text of documents: PDF, the office formats that are XML in an archive, and plain text. Needs the extra ``media``.

The text stands in the document's place, so what is left out here is no way around: the model does not see it either.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import ParseError

from lethe.server.media.errors import Unread

_PDF = b"%PDF-"
_ARCHIVE = b"PK\x03\x04"
# By the start of a part's name: Word, PowerPoint and Excel, then OpenDocument.
_PARTS = re.compile(
    r"word/(document|header\d*|footer\d*|footnotes|endnotes|comments)\.xml"
    r"|ppt/(slides/slide|notesSlides/notesSlide)\d+\.xml"
    r"|xl/(sharedStrings|worksheets/sheet\d+)\.xml"
    r"|content\.xml"
)
# After which a line ends, whatever the namespace: paragraphs, table rows, headings, and Excel's strings.
_LINES = {"p", "tr", "br", "h", "si", "row", "table-row", "line-break"}
_CELL = "c"
_TABS = {"tab", "tc", _CELL, "table-cell"}


def document_text(content: bytes, max_characters: int, max_pages: int) -> str:
    """The text of a document, whatever it says that it is.

    Raises
    ------
    Unread
        It is of no known format or damaged, is encrypted, or has more than it may.
    """
    if content.lstrip()[: len(_PDF)] == _PDF:
        pieces = _pdf(content, max_pages)
    elif content.startswith(_ARCHIVE):
        pieces = _office(content, max_characters)
    else:
        pieces = _plain(content)
    text = "".join(_bounded(pieces, max_characters)).strip()
    if not text:
        raise Unread("has no text")
    return text


def _bounded(pieces: Iterator[str], max_characters: int) -> Iterator[str]:
    length = 0
    for piece in pieces:
        length += len(piece)
        if length > max_characters:
            raise Unread(f"has more than {max_characters} characters")
        yield piece


def _pdf(content: bytes, max_pages: int) -> Iterator[str]:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        document = PdfReader(io.BytesIO(content))
        if document.is_encrypted:
            raise Unread("is encrypted")
        if len(document.pages) > max_pages:
            raise Unread(f"has more than {max_pages} pages")
        for page in document.pages:
            yield page.extract_text() + "\n"
    except Unread:
        raise
    # What is wrong with a damaged file comes as errors of many kinds.
    except (PyPdfError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        raise Unread("is a damaged PDF") from None


def _office(content: bytes, max_characters: int) -> Iterator[str]:
    # Markup is some ten times its text, and zeros compress a thousand times.
    left = 20 * max_characters
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = [part for part in archive.infolist() if _PARTS.fullmatch(part.filename)]
            if not parts:
                raise Unread("is an archive, but no document of an office")
            for part in parts:
                with archive.open(part) as file:
                    markup = file.read(left + 1)
                left -= len(markup)
                if left < 0:
                    raise Unread("has too much in it")
                yield _text(markup)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError):
        raise Unread("is a damaged archive") from None


class _Texts:
    """Told of a document's markup, gathers its text."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._is_reference = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if _name(tag) == _CELL:
            # What stands in such a cell is a number among the strings, which are a part of their own.
            self._is_reference = attributes.get("t") == "s"

    def data(self, text: str) -> None:
        if not self._is_reference:
            self._pieces.append(text)

    def end(self, tag: str) -> None:
        name = _name(tag)
        if name == _CELL:
            self._is_reference = False
        if name in _LINES:
            self._pieces.append("\n")
        elif name in _TABS:
            self._pieces.append("\t")

    def close(self) -> str:
        return "".join(self._pieces)


def _text(markup: bytes) -> str:
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import XMLParser

    parser: Any = XMLParser(target=_Texts(), forbid_dtd=True)
    try:
        parser.feed(markup)
        return parser.close()
    except (ParseError, DefusedXmlException):
        raise Unread("is a damaged document") from None


def _name(tag: str) -> str:
    return tag.rpartition("}")[2]


def _plain(content: bytes) -> Iterator[str]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise Unread("is no PDF, no document of an office and no text in UTF-8")
    yield text
