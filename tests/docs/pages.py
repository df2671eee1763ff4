"""What the documentation tells people to type."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`((?:lethe|make) [^`]+)`(?!`)")
_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_SHELLS = ("", "console", "bash", "sh")
_ASSIGNMENT = re.compile(r"[A-Z_]+=")


@dataclass(frozen=True)
class Command:
    """One command of a page, as words.

    Attributes
    ----------
    whole
        Whether it stands in a block, to be typed as it is, and not in running text.
    """

    page: str
    words: tuple[str, ...]
    whole: bool

    def __str__(self) -> str:
        return f"{self.page}: {' '.join(self.words)}"


def blocks(page: Path, *languages: str) -> Iterator[str]:
    """The fenced blocks of a page in some languages."""
    for fence in _FENCE.finditer(page.read_text()):
        if fence["language"] in languages:
            yield fence["text"]


def inline_code(page: Path) -> list[str]:
    """What a page sets as code within running text."""
    return _CODE.findall(_FENCE.sub("", page.read_text()))


def commands(program: str) -> list[Command]:
    """Every command of a program, in all pages: in blocks, and in running text."""
    return [
        Command(page.name, tuple(words), whole)
        for page in PAGES
        for lines, whole in ((_lines(page), True), (_INLINE.findall(page.read_text()), False))
        for line in lines
        for words in _split(line)
        if words[0] == program
    ]


def _lines(page: Path) -> Iterator[str]:
    for block in blocks(page, *_SHELLS):
        joined = re.sub(r"\\\n\s*", "", block)
        # In a body that spans lines a quote is still open at the first line's end.
        pending = ""
        for line in joined.splitlines():
            pending = f"{pending}\n{line}" if pending else line.removeprefix("$ ")
            try:
                shlex.split(pending, comments=True)
            except ValueError:
                continue
            yield pending
            pending = ""


def _split(line: str) -> Iterator[list[str]]:
    """The words of each command of a line, without what is optional in brackets being marked as such."""
    try:
        words = shlex.split(line.replace("[--", "--").replace("] ", " ").removesuffix("]"), comments=True)
    except ValueError:
        return
    current: list[str] = []
    for word in [*words, "&&"]:
        if word not in ("&&", "|", "||"):
            current.append(word)
            continue
        while current and _ASSIGNMENT.match(current[0]):
            current.pop(0)
        if current:
            yield current
        current = []
