"""Letters that stand apart, and words that marks hold together in the place of spaces."""

import re
import string
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.disguises.reader import Reader
from lethe.classifier.disguises.scan import Scan, kind
from lethe.classifier.text.aligned_text import AlignedText, replaced, substitute

_SPACED = re.compile(r"(?<!\w)\w(?:[ \t\r\n._\-*·|/'’]{1,3}\w(?!\w)){3,}")
_SPACED_SIGN = re.compile(r"[ \t\r\n._\-*·|/'’]\w[ \t\r\n._\-*·|/'’]{1,3}\w[ \t\r\n._\-*·|/'’]")
_WORD_GAP = re.compile(r"[ \t]{2,3}|\r?\n\r?\n| [./|*·-] ")
_PUNCTUATED_WORD_GAP = re.compile(r"[ \t]+")
_QUESTION_WORDS = 3
# Up to so many characters a pattern takes no longer than arrays do.
_SHORT = 1 << 10
# Letters that stand alone, and how far each may be from the next.
_FEWEST_ALONE, _FURTHEST = 4, 4
_STEPS = re.compile(r"(?<!\S)[A-Za-z'\"]+(?:_[A-Za-z0-9',\"]+){2,}[?!.]?")
_STEPS_GATE = re.compile(r"[a-z][A-Z]\w{0,24}_\w{0,24}[a-z][A-Z]")
# The same in kinds of characters, where what it begins with is found fast.
_STEPS_IN_KINDS = re.compile(rb"aA[aA0_]{0,24}_[aA0_]{0,24}aA")
_OF_WORDS = string.ascii_letters + string.digits + "_"
_STEP_KINDS = bytes(
    ord("a") if chr(sign) in string.ascii_lowercase
    else ord("A") if chr(sign) in string.ascii_uppercase
    else ord("_") if sign == ord("_")
    else ord("0") if inside
    else ord(" ")
    for sign, inside in enumerate(kind(_OF_WORDS, letters=True, far=True))
)  # fmt: skip
_IN_WORD = np.frombuffer(kind(_OF_WORDS, letters=True, far=True), bool)
# An underscore may part letters, too.
_SURELY_IN_WORD = np.frombuffer(kind(string.ascii_letters + string.digits, letters=True), bool)


def _may_be_spaced(scan: Scan) -> bool:
    if len(scan.text) <= _SHORT:
        return _SPACED_SIGN.search(scan.text) is not None
    return bool(len(_letters_apart(scan)))


def _letters_apart(scan: Scan) -> NDArray[np.int64]:
    """Where letters stand that may be the first of enough that stand apart, ascending."""
    beside = np.zeros(len(scan.signs) + 2, bool)
    _SURELY_IN_WORD.take(scan.array, out=beside[1:-1])
    (alone,) = (_IN_WORD.take(scan.array) & ~(beside[:-2] | beside[2:])).nonzero()
    if len(alone) < _FEWEST_ALONE:
        return alone[:0]
    near = np.diff(alone) <= _FURTHEST
    return alone[:-3][near[:-2] & near[1:-1] & near[2:]]


def _runs_apart(text: str) -> Iterator[re.Match[str]]:
    """Runs of letters that stand apart."""
    if len(text) <= _SHORT:
        if _SPACED_SIGN.search(text):
            yield from _SPACED.finditer(text)
        return
    end = 0
    for start in _letters_apart(Scan(text)).tolist():
        if start >= end and (match := _SPACED.match(text, start)):
            end = match.end()
            yield match


def read_spaced(text: str) -> AlignedText | None:
    def close(run: str) -> str:
        # Where marks part the letters, a space parts the words.
        marked = 2 * sum(not (character.isalnum() or character.isspace()) for character in run) > len(run) / 2
        words = (_PUNCTUATED_WORD_GAP if marked else _WORD_GAP).split(run)
        closed = " ".join(re.sub(r"[\W_]", "", word) for word in words)
        # A question's own mark is lost among those that part the letters.
        return f"{closed}?" if len(words) >= _QUESTION_WORDS and not run.endswith(("?", ".", "!")) else closed

    return replaced(text, [(*match.span(), close(match[0])) for match in _runs_apart(text)])


def _may_be_steps(scan: Scan) -> bool:
    return scan.count(b"_") > 1 and _STEPS_IN_KINDS.search(scan.signs.translate(_STEP_KINDS)) is not None


def read_steps(text: str) -> AlignedText | None:
    """The text with words parted that marks hold together in the place of spaces, in capitals and small letters by turns."""
    return (
        substitute(_STEPS, text, lambda run: run.replace("_", " ").lower())
        if _STEPS_GATE.search(text)
        else None
    )


SPACED = Reader("spaced", _may_be_spaced, read_spaced)
STEPS = Reader("steps", _may_be_steps, read_steps)
