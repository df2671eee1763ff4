"""Files of text: of which kind one is by its name, and what stands in it.

What cannot be read is passed over: a machine's folders hold anything.
"""

import codecs
import gzip
import os
import re
import stat
import zlib
from pathlib import Path, PurePath
from typing import Literal

from lethe.offline.data.plain_text import strip_html, strip_roff

TextKind = Literal["python", "javascript", "c", "json", "docs", "manpage", "prose", "log", "table"]
CODE: tuple[TextKind, ...] = ("python", "javascript", "c")

_SUFFIXES: dict[TextKind, str] = {
    "python": ".py .pyi .pyx",
    "javascript": ".js .mjs .cjs .jsx .ts .tsx",
    "c": ".c .h .cc .cpp .cxx .hh .hpp .cu .cuh",
    "json": ".json .jsonl .ipynb",
    "docs": ".md .rst .txt .html .htm .xhtml .page",
    "log": ".log",
    "table": ".csv .tsv",
}
_KINDS: dict[str, TextKind] = {
    suffix: kind for kind, suffixes in _SUFFIXES.items() for suffix in suffixes.split()
}
_MARKUP = (".html", ".htm", ".xhtml", ".page")
_MANUAL_FOLDER = re.compile(r"man[1-9nl]\w*")
_MANUAL = re.compile(r".+\.[1-9nl][a-z]*")
_CHANGES = re.compile(r"change(?:s|log)\b.*", re.IGNORECASE)
# The same few licences lie in every package.
_LICENCE = re.compile(r"(?:licen[cs]e|copying|copyright|notice|patents)\b.*", re.IGNORECASE)
_READ_ME = re.compile(r"(?:readme|news|faq|todo|install|authors|history|about)\b.*", re.IGNORECASE)

# Enough for any share of a file, and little beside a model.
_MOST_BYTES = 8 << 20
_JUDGED_CHARACTERS = 20_000
_SENTENCE_END = re.compile(r"[.!?…][\"'»”’)]*(?=\s|$)|[。！？।]")
_CHARACTERS_A_SENTENCE = 250
_NOT_OF_PROSE = re.compile(r"[^\w\s.,;:!?…'\"«»“”‘’()\-–—。，、！？「」।]|[\d_]")
_NOT_OF_PROSE_SHARE = 0.015
_LONG_LINE = 48


def kind_by_name(path: PurePath) -> TextKind | None:
    """The kind of a file by its name and folder; None for what holds no text that people paste.

    Running text is told from other documents by what it says (`kind_by_text`): its files are ``docs`` here.
    """
    name = path.name.removesuffix(".gz")
    if _LICENCE.fullmatch(name):
        return None
    if _MANUAL_FOLDER.fullmatch(path.parent.name) and _MANUAL.fullmatch(name):
        return "manpage"
    if kind := _KINDS.get(PurePath(name).suffix.lower()):
        return "log" if kind == "docs" and _CHANGES.fullmatch(name) else kind
    if _CHANGES.fullmatch(name):
        return "log"
    # Without a suffix it may be anything; what it says decides.
    return "docs" if _READ_ME.fullmatch(name) or "." not in name else None


def kind_by_text(path: PurePath, kind: TextKind, text: str) -> TextKind | None:
    """The kind again, of a text that was read: ``prose`` for running text, None for a program without a suffix."""
    if kind != "docs":
        return kind
    if _is_prose(text):
        return "prose"
    name = path.name.removesuffix(".gz")
    return "docs" if PurePath(name).suffix or _READ_ME.fullmatch(name) else None


def read_text_file(path: Path, kind: TextKind) -> str | None:
    """What a file says, markup taken away, its first 8 MiB at most; None where it is no readable UTF-8 text."""
    try:
        # Opening a named pipe would wait for ever; a link is met again where it points.
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            content = file.read(_MOST_BYTES)
        decoder = codecs.getincrementaldecoder("utf-8-sig")()
        text = decoder.decode(content, final=len(content) < _MOST_BYTES)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError):
        return None
    if "\0" in text or text.startswith("#!"):
        return None if "\0" in text or kind == "docs" else text
    text = text.replace("\r\n", "\n")
    if kind == "manpage":
        return strip_roff(text)
    return strip_html(text) if PurePath(path.name.removesuffix(".gz")).suffix.lower() in _MARKUP else text


def _is_prose(text: str) -> bool:
    judged = text[:_JUDGED_CHARACTERS]
    lines = [line for line in judged.splitlines() if line.strip()]
    return (
        len(_SENTENCE_END.findall(judged)) * _CHARACTERS_A_SENTENCE >= len(judged)
        and len(_NOT_OF_PROSE.findall(judged)) <= _NOT_OF_PROSE_SHARE * len(judged)
        and sum(map(len, lines)) >= _LONG_LINE * len(lines)
    )
