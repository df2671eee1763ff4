"""Sentences of a window, as token ranges: what is said in one sentence is not diluted by those around it.

The encoder reads the whole window once; a segment's embedding is the mean of its own tokens' (late chunking; Günther et al.,
arXiv 2409.04701), so judging each sentence costs no further pass.
"""

import re

import numpy as np

from classifier.encoder import TokenizedText

_SENTENCE_END = re.compile(r"[.?!;:|>\n。？！]+[\"'”’)\]}*]*\s*|[\"“”{}\[\]<]+\s*")
_SHORTEST = 5
_LONGEST = 32
_STRIDE = 16


def split_segments(text: str, tokens: TokenizedText) -> list[tuple[int, int]]:
    """Half-open token ranges of a window's sentences; none where the window is a single short one.

    Sentences of fewer than a handful of tokens join the next one; long ones are cut into overlapping ranges.
    """
    ends = np.array([match.end() for match in _SENTENCE_END.finditer(text)] + [len(text)])
    boundaries = np.unique(np.searchsorted(tokens.starts, ends, side="left")).tolist()
    segments: list[tuple[int, int]] = []
    start = 0
    for end in boundaries:
        if end - start < _SHORTEST and end < len(tokens):
            continue
        segments += _cut(start, end)
        start = end
    return segments if len(segments) > 1 else []


def _cut(start: int, end: int) -> list[tuple[int, int]]:
    if end - start <= _LONGEST:
        return [(start, end)] if end > start else []
    return [(first, min(first + _LONGEST, end)) for first in range(start, end - _STRIDE, _STRIDE)]
