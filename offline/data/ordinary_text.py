"""Ordinary text from the folders of any machine: what a target's classifier is to leave alone.

Packages get even shares, in an order that a seed decides. Knows files; knows nothing about targets.
"""

import functools
import hashlib
import heapq
import os
import random
import re
import sysconfig
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from lethe.offline.data.files import DataError
from lethe.offline.data.text_files import CODE, TextKind, kind_by_name, kind_by_text, read_text_file
from lethe.offline.data.text_languages import language_of, other_script

Half = Literal["train", "test"]

_LEAST_CHARACTERS = 400
_MOST_FILES = 4000
_OPENING_CHARACTERS = 200
_SKIPPED_FOLDERS = re.compile(r"\..*|__pycache__|site-packages|dist-packages|.*\.(?:dist|egg)-info")
# A project's files open with the same licence, which makes none a copy of another.
_LEADING_COMMENTS = re.compile(r"(?:\s+|#(?!include|define|if|pragma)[^\n]*|//[^\n]*|/\*.*?\*/)*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class OrdinaryDocument:
    """A file's text, or a stretch of it.

    Attributes
    ----------
    text
        Without markup.
    language
        Two letters, or ``unknown``; see `lethe.offline.data.text_languages.language_of`.
    origin
        The package: the folder right below the one that was given, whose name files beside it have.
    number
        Its place in the stream, from 0.
    """

    text: str
    kind: TextKind
    language: str
    origin: str
    path: Path
    number: int


def documents(
    folders: Sequence[Path],
    *,
    seed: int,
    part: Half | None = None,
    kinds: Collection[TextKind] | None = None,
    maximum_characters: int = 40_000,
    characters_a_turn: int = 0,
    first: int = 0,
) -> Iterator[OrdinaryDocument]:
    """Stream documents, packages in turns. Files that cannot be read, are short, or were met before are left out.

    Names of files and digests of documents are kept in memory; texts are not. The order depends on the seed and
    the names alone, so another file changes the order of no other two. Kinds have no even shares: where they
    should, ask for each alone.

    Parameters
    ----------
    part
        ``train`` or ``test`` for one half of the packages, by their names; None for all.
    kinds
        The kinds that are wanted; None for all.
    maximum_characters
        The most that one file gives: a stretch at a random place of a longer one.
    characters_a_turn
        How much a package gives in a turn; one document at least. Documents of one turn follow each other.
    first
        Begin with the document of this number, as a stream that was cut off would go on. What comes before is
        read again, since it tells what was met before.

    Raises
    ------
    DataError
        A folder is missing or cannot be listed.
    """
    reader = _Reader(seed, frozenset(kinds) if kinds is not None else None, maximum_characters)
    packages = _chosen_packages(folders, seed, part)
    return _numbered(in_turns([reader.read(each) for each in packages], characters_a_turn), first)


def documents_by_kind(
    folders: Sequence[Path], *, seed: int, part: Half | None = None, maximum_characters: int = 40_000
) -> dict[TextKind, Iterator[OrdinaryDocument]]:
    """Streams as `documents` gives them, one for each kind, for which the folders are listed once.

    Parameters
    ----------
    part, maximum_characters
        As those of `documents`.

    Raises
    ------
    DataError
        A folder is missing or cannot be listed.
    """
    packages = _chosen_packages(folders, seed, part)
    readers = {kind: _Reader(seed, frozenset([kind]), maximum_characters) for kind in get_args(TextKind)}
    return {
        kind: _numbered(in_turns([reader.read(each) for each in packages], 0), 0)
        for kind, reader in readers.items()
    }


def part_of(package: str) -> Half:
    """The half that a package is in, on every machine the same."""
    return "test" if hashlib.blake2b(package.casefold().encode(errors="replace")).digest()[0] % 2 else "train"


def machine_folders() -> tuple[Path, ...]:
    """Folders with text that this machine has: Python's packages and library, documentation, Node's packages."""
    paths = sysconfig.get_paths()
    candidates = [paths["purelib"], paths["platlib"], paths["stdlib"], "/usr/share/doc", "/usr/share/man",
                  "/usr/lib/node_modules", "/usr/local/lib/node_modules", "node_modules"]  # fmt: skip
    found = dict.fromkeys(Path(each).resolve() for each in candidates)
    return tuple(folder for folder in found if folder.is_dir())


@dataclass(frozen=True)
class _Package:
    """A folder to walk, or the files right in a folder."""

    name: str
    folder: Path
    given: Path
    deep: bool

    @functools.cached_property
    def files(self) -> Mapping[TextKind, Sequence[str]]:
        """The files that may hold text, by the kind that their names say."""
        found: dict[TextKind, list[str]] = {}
        for folder, folders, names in os.walk(self.folder):
            folders[:] = [name for name in folders if self.deep and not _SKIPPED_FOLDERS.fullmatch(name)]
            for path in (os.path.join(folder, name) for name in names):
                if kind := kind_by_name(Path(path)):
                    found.setdefault(kind, []).append(path)
        return found


def _chosen_packages(folders: Sequence[Path], seed: int, part: Half | None) -> list[_Package]:
    packages = [package for folder in folders for package in _packages(folder)]
    if part is not None:
        packages = [each for each in packages if part_of(each.name) == part]
    return sorted(packages, key=lambda each: _rank(seed, str(each.folder)))


def _packages(folder: Path) -> list[_Package]:
    try:
        with os.scandir(folder) as entries:
            names = [each.name for each in entries if each.is_dir(follow_symlinks=False)]
    except OSError as error:
        raise DataError(f"{folder} cannot be read as a folder of ordinary text: {error.strerror}") from None
    inner = [
        _Package(name, folder / name, folder, deep=True)
        for name in names
        if not _SKIPPED_FOLDERS.fullmatch(name)
    ]
    return [_Package(folder.resolve().name, folder, folder, deep=False), *inner]


class _Reader:
    """Reads packages, and knows what was read before."""

    def __init__(self, seed: int, kinds: frozenset[TextKind] | None, maximum_characters: int) -> None:
        self._seed = seed
        self._kinds = kinds
        self._maximum_characters = maximum_characters
        self._met: set[bytes] = set()

    def read(self, package: _Package) -> Iterator[OrdinaryDocument]:
        wanted = (
            name for kind, names in package.files.items() if self._may_be_wanted(kind) for name in names
        )
        for name in heapq.nsmallest(_MOST_FILES, wanted, key=lambda name: _rank(self._seed, name)):
            if document := self._document(package, Path(name)):
                yield document

    def _may_be_wanted(self, kind: TextKind) -> bool:
        return self._kinds is None or kind in self._kinds or (kind == "docs" and "prose" in self._kinds)

    def _document(self, package: _Package, path: Path) -> OrdinaryDocument | None:
        kind = kind_by_name(path)
        text = read_text_file(path, kind) if kind else None
        if kind is None or text is None or len(text) < _LEAST_CHARACTERS:
            return None
        kind = kind_by_text(path, kind, text)
        if kind is None or (self._kinds is not None and kind not in self._kinds) or self._was_met(text, kind):
            return None
        stretch = _stretch(text, self._maximum_characters, _rank(self._seed, str(path)))
        if kind in ("docs", "prose", "manpage"):
            language = language_of(path.relative_to(package.given.parent), stretch)
        else:
            language = "unknown" if other_script(stretch) else "en"
        return OrdinaryDocument(stretch, kind, language, package.name, path, 0)

    def _was_met(self, text: str, kind: TextKind) -> bool:
        comments = _LEADING_COMMENTS.match(text) if kind in CODE else None
        start = comments.end() if comments else 0
        opening = " ".join(text[start : start + 4 * _OPENING_CHARACTERS].split())[:_OPENING_CHARACTERS]
        digests = {_digest(text), _digest(opening)} if opening else {_digest(text)}
        met = not self._met.isdisjoint(digests)
        self._met |= digests
        return met


def in_turns(streams: Iterable[Iterator[OrdinaryDocument]], characters: int) -> Iterator[OrdinaryDocument]:
    """So many characters of each stream after the other, one document at least, until all have ended."""
    waiting = deque(streams)
    while waiting:
        stream = waiting.popleft()
        given = 0
        for document in stream:
            yield document
            given += len(document.text)
            if given >= characters:
                waiting.append(stream)
                break


def _numbered(found: Iterator[OrdinaryDocument], first: int) -> Iterator[OrdinaryDocument]:
    for number, each in enumerate(found):
        if number >= first:
            yield OrdinaryDocument(each.text, each.kind, each.language, each.origin, each.path, number)


def _stretch(text: str, length: int, rank: bytes) -> str:
    """At most so many characters, from the beginning of a line where one is near, or else of a word."""
    if len(text) <= length:
        return text
    start = random.Random(rank).randrange(len(text) - length + 1)
    near = max(0, start - length // 10)
    start = text.rfind("\n", near, start) + 1 or text.rfind(" ", near, start) + 1 or start
    return text[start : start + length]


def _rank(seed: int, name: str) -> bytes:
    return hashlib.blake2b(f"{seed}:{name}".encode(errors="surrogateescape"), digest_size=8).digest()


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
