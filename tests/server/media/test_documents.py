"""The text of documents is found, in order; what is too much or no document is told as such."""

import pytest

from lethe.server.media.documents import document_text
from lethe.server.media.errors import Unread
from tests.server.media.pictures import archive, pdf, word_document

pytest.importorskip("pypdf")
pytest.importorskip("defusedxml")

SLIDE = '<p:sld xmlns:p="p" xmlns:a="a"><a:p><a:r><a:t>On a slide</a:t></a:r></a:p></p:sld>'
CELLS = '<worksheet xmlns="s"><row><c t="s"><v>0</v></c><c><v>7</v></c></row></worksheet>'
STRINGS = '<sst xmlns="s"><si><t>In a cell</t></si><si><t>and another</t></si></sst>'
OPEN_DOCUMENT = '<office:text xmlns:office="o" xmlns:text="t"><text:p>Open <text:span>to</text:span> all</text:p></office:text>'


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (pdf("Who is Harry Potter?", "Second page"), "Who is Harry Potter?\nSecond page"),
        (word_document("One", "Two"), "One\nTwo"),
        (archive({"ppt/slides/slide1.xml": SLIDE}), "On a slide"),
        (archive({"xl/sharedStrings.xml": STRINGS}), "In a cell\nand another"),
        (archive({"xl/worksheets/sheet1.xml": CELLS}), "7"),
        (archive({"content.xml": OPEN_DOCUMENT}), "Open to all"),
        ("plain ä\n".encode(), "plain ä"),
        (b"\xef\xbb\xbfmarked", "marked"),
    ],
    ids=["pdf", "word", "slides", "strings", "cells", "open-document", "plain", "marked"],
)
def test_the_text_is_found(content: bytes, text: str) -> None:
    assert document_text(content, 1000, 10) == text


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (pdf("a", "b", "c"), "more than 2 pages"),
        (b"a" * 101, "more than 100 characters"),
        (pdf("a" * 101), "more than 100 characters"),
        (word_document("a" * 101), "more than 100 characters"),
        (word_document(*(3000 * [""])), "too much"),
        (pdf("a")[:60], "damaged PDF"),
        (word_document("a")[:60], "damaged archive"),
        (archive({"word/document.xml": "<a>"}), "damaged document"),
        (archive({"content.xml": BOMB}), "damaged document"),
        (archive({"readme.txt": "a"}), "no document"),
        (b"\xff\xfe\x00", "no text in UTF-8"),
        (b"a\x00b", "no text in UTF-8"),
        (b" ", "no text"),
        (pdf(""), "no text"),
    ],
    ids=[
        "pages",
        "long text",
        "long page",
        "long paragraph",
        "many paragraphs",
        "cut pdf",
        "cut archive",
        "open tag",
        "entities",
        "another archive",
        "utf-16",
        "zero byte",
        "blank",
        "blank page",
    ],
)
def test_what_cannot_be_read_is_told(content: bytes, fault: str) -> None:
    with pytest.raises(Unread, match=fault):
        document_text(content, 100, 2)
