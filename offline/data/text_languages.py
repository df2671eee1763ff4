"""The language of a document, from where it lies and which script it is in."""

import re
from itertools import islice
from pathlib import PurePath

# Codes that are also words or endings of programs' folders (is, id, no, ca, ...) are left out.
_LATIN = ("cs", "da", "de", "en", "es", "et", "eu", "fi", "fr", "gl", "hr", "hu", "it", "lt", "lv", "nb", "nl",
          "nn", "pl", "pt", "ro", "sk", "sl", "sv", "tr", "vi")  # fmt: skip
_OTHER_SCRIPTS = (
    "ar",
    "bg",
    "bn",
    "el",
    "fa",
    "he",
    "hi",
    "ja",
    "ko",
    "ru",
    "sr",
    "ta",
    "te",
    "th",
    "uk",
    "zh",
)
_CODE = rf"(?P<language>{'|'.join(_LATIN + _OTHER_SCRIPTS)})(?:[-_][A-Za-z]{{2,4}}|\.UTF-8)?"
_FOLDER = re.compile(rf"(?:.*-)?{_CODE}(?:-dev)?", re.IGNORECASE)
_FILE = re.compile(rf".*\.{_CODE}\.\w+(?:\.gz)?", re.IGNORECASE)
_LETTERS = 2000
_SHARE = 0.3
# Behind it come the scripts that are not Latin.
_LAST_LATIN = "\u024f"


def language_of(path: PurePath, text: str) -> str:
    """A two-letter code where the path names one, else ``en`` for Latin script and ``unknown`` for any other.

    A text in Latin script is ``en`` where the path names a language of another script: it was not translated.
    """
    said = _said(path)
    if said in _LATIN:
        return said
    if not other_script(text):
        return "en"
    return said or "unknown"


def other_script(text: str) -> bool:
    """Whether many of the first letters are of another script than Latin."""
    letters = list(islice(filter(str.isalpha, text), _LETTERS))
    return sum(letter > _LAST_LATIN for letter in letters) > _SHARE * len(letters)


def _said(path: PurePath) -> str | None:
    named = _FILE.fullmatch(path.name)
    if named:
        return named["language"].lower()
    for folder in reversed(path.parts[:-1]):
        if found := _FOLDER.fullmatch(folder):
            return found["language"].lower()
    return None
