"""Quoted pieces of code that code would join."""

import re

import numpy as np

from lethe.classifier.text.aligned_text import AlignedText, Replacements

_LITERAL = re.compile(r"""(["'`])([^"'`\n]{1,64})\1""")
_LITERAL_IN_CODE = re.compile(r"""[=+(\[]\s?["'`][^"'`\n]{1,64}["'`]""")


def may_have_literals(text: str) -> bool:
    """Whether a text has a quoted piece that code would join."""
    return _LITERAL_IN_CODE.search(text) is not None


def read_literals(text: str) -> AlignedText | None:
    """Join the quoted pieces of a text that has one which code would join."""
    # What stands between the pieces, a quotation mark, and a piece, in turns.
    found = _LITERAL.split(text)
    pieces = found[2::3]
    if len(pieces) < 2:
        return None
    lengths = np.fromiter(map(len, found), np.int64)
    # A piece stands between two marks.
    ends = lengths.cumsum()[2::3] + np.arange(len(pieces))
    starts = ends - lengths[2::3]
    # What stands between the pieces is dropped.
    dropped = np.concatenate([[0], ends]), np.concatenate([starts, [len(text)]])
    return AlignedText("".join(pieces), Replacements.of(*dropped, np.zeros(len(pieces) + 1), len(text)))
