"""One and the same thing of two marks or more between the letters of words: comments, braces, entities."""

import re
import string
from collections import Counter

from lethe.classifier.disguises.reader import Reader
from lethe.classifier.disguises.scan import SPACES, Scan, kind
from lethe.classifier.text.aligned_text import AlignedText, substitute

# How often it must stand, and how short the pieces of words are that it stands between, in the mean.
_FEWEST, _LONGEST_PIECE = 8, 3.0
# No letter and no space, but inside; what is one sign has other readers, and what begins by closing something is half of that.
_FILLER = re.compile(r"(?<=[A-Za-z])([^\w\s'’.,;=>\"`)\]}][^\w\n]{0,14}[^\w\s'’.,]|&\w{2,8};)(?=[A-Za-z])")
# Letters, marks, and what else there is; pieces of words with marks on either side, of which those side by side share some.
_KINDS = bytes(
    97 if letter else 32 if other else 33
    for letter, other in zip(
        kind(string.ascii_letters), kind(SPACES + string.digits + "_'.,", letters=True), strict=True
    )
)
_LEAST_BETWEEN = 6
_FILLED = b"!!a!!", b"!!aa!!", b"!!aaa!!"
_WORD = re.compile(r"[A-Za-z]+")


def _may_be_filled(scan: Scan) -> bool:
    kinds = scan.signs.translate(_KINDS)
    return sum(map(kinds.count, _FILLED)) >= _LEAST_BETWEEN or scan.count(b"&") >= _FEWEST


def read_filled(text: str) -> AlignedText | None:
    """The text without what stands between the letters of its words again and again; None where nothing does."""
    counted = Counter(match[1] for match in _FILLER.finditer(text))
    if not counted:
        return None
    filler, count = counted.most_common(1)[0]
    if count < _FEWEST:
        return None
    first, last = text.index(filler), text.rindex(filler)
    pieces = _WORD.findall(text, first, last)
    if sum(map(len, pieces)) > _LONGEST_PIECE * len(pieces):
        return None
    return substitute(re.compile(re.escape(filler)), text, lambda _: "")


FILLED = Reader("filled", _may_be_filled, read_filled)
