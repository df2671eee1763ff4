"""Files of text that every machine holds beside documents: settings, markup, data, scripts, translations, by what their names end in.

The packages of a machine fall in the same halves as those of `lethe.offline.data.ordinary_text`. Knows nothing about targets.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from lethe.offline.data.ordinary_text import Half, machine_folders, part_of

_ENDINGS = frozenset(
    (
        ".cfg", ".cmake", ".conf", ".css", ".csv", ".desktop", ".diff", ".el", ".f90", ".geojson", ".go", ".htm", ".html", ".ini", ".java", ".json", ".jsonl",
        ".lock", ".log", ".lua", ".map", ".patch", ".php", ".pl", ".pm", ".po", ".properties", ".proto", ".rb", ".rs", ".scss", ".service", ".sh", ".sql", ".svg",
        ".tex", ".toml", ".tsv", ".vim", ".xml", ".yaml", ".yml",
    )
)  # fmt: skip
_MORE = ("/usr/share", "/usr/lib", "/etc", "/opt")
_SKIPPED = re.compile(r"__pycache__|ssl|locale|man|doc|.*\.(?:dist|egg)-info|.*-docs")
# What other measurements choose by name of all packages.
_MEASURED = re.compile(r".*\.min\.(?:js|css)|.*\.ipynb")
_OF_A_PACKAGE, _LEAST, _MOST_BYTES = 24, 60, 2 << 20


def machine_files(
    part: Half, *, seed: int, characters: int, folders: Sequence[Path] = ()
) -> Iterator[tuple[str, str, str]]:
    """The ending of each file, its package, and a stretch of its text, at most 24 files of an ending from one package.

    Parameters
    ----------
    part
        The half of the packages.
    seed
        Decides which files of a package, and which stretch of a file.
    characters
        Of a stretch, at most.
    folders
        Folders of packages; the machine's by default.
    """
    met: set[bytes] = set()
    for package in _packages(folders or package_folders(), part):
        chosen: dict[str, list[Path]] = {}
        for path in sorted(_files(package), key=lambda path: _digest(f"{seed}:{path}")):
            alike = chosen.setdefault(path.suffix.lower(), [])
            if len(alike) < _OF_A_PACKAGE:
                alike.append(path)
        for ending, paths in chosen.items():
            for path in paths:
                text = _text(path)
                if text is None or (digest := _digest(text[:400])) in met:
                    continue
                met.add(digest)
                start = int.from_bytes(_digest(f"{seed}:{path}")) % max(len(text) - characters, 1)
                yield ending, package.name, text[start : start + characters]


def package_folders() -> tuple[Path, ...]:
    """Folders of packages that this machine has."""
    return (*machine_folders(), *map(Path, _MORE))


def _packages(folders: Sequence[Path], part: Half) -> Iterator[Path]:
    """Folders right below those that hold packages; below one that has packages of its own, those."""
    for folder in sorted({each for each in folders if each.is_dir()}):
        for package in sorted(folder.iterdir()):
            if (
                not package.is_dir()
                or package.is_symlink()
                or package in folders
                or _SKIPPED.fullmatch(package.name)
            ):
                continue
            inner = [package]
            if package.name.startswith(("python", "perl", "vim", "node_modules", "google-cloud", "x86_64")):
                inner = [
                    each
                    for each in sorted(package.rglob("*"))
                    if each.is_dir() and len(each.relative_to(package).parts) == 2
                ]
            yield from (each for each in inner if part_of(each.name) == part)


def _files(package: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(package):
        folders[:] = [name for name in folders if not _SKIPPED.fullmatch(name)]
        for name in names:
            path = Path(folder, name)
            if path.suffix.lower() in _ENDINGS and not _MEASURED.fullmatch(name):
                yield path


def _text(path: Path) -> str | None:
    try:
        if path.is_symlink() or not _LEAST < path.stat().st_size < _MOST_BYTES:
            return None
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError):
        return None
    return None if "\0" in text else text


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(errors="surrogateescape"), digest_size=8).digest()
