"""Tags, or the colours of a terminal, that part the letters of words from one another."""

import re

from lethe.classifier.disguises.reader import Reader
from lethe.classifier.disguises.scan import Scan
from lethe.classifier.text.aligned_text import AlignedText, substitute

_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,60}>|\[[\d;]{1,8}m")
_TAG_IN_WORD = re.compile(r"(?:>|\[[\d;]{1,8}m)\w{1,2}(?:</?[A-Za-z]|\[\d)")
_FEWEST_TAGS = 8


def _may_be_marked_up(scan: Scan) -> bool:
    return scan.count(b"<[") >= _FEWEST_TAGS


def read_marked_up(text: str) -> AlignedText | None:
    """The text without the tags, or the colours of a terminal, that part its letters from one another."""
    if len(_TAG_IN_WORD.findall(text)) < _FEWEST_TAGS:
        return None
    return substitute(_TAG, text, lambda tag: "")


MARKUP = Reader("markup", _may_be_marked_up, read_marked_up)
