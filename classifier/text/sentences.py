"""Sentences of a text: what is said in one sentence is not diluted by those around it.

The encoder reads a whole window once; a sentence's embedding is the mean of its own tokens' (late chunking; Günther et al.,
arXiv 2409.04701), so judging each sentence costs no further pass.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

# Marks that end what stands before them, with the quotes and brackets that they close; and those that begin or end a stretch
# themselves. All in one set at the beginning: the next of a set is found several times faster than that of two patterns.
_MARKS = r"""[.?!;:|>\n。？！"“”{}\[\]<]"""
_SENTENCE_END = re.compile(
    rf"""({_MARKS}(?:(?<=[.?!;:|>\n。？！])[.?!;:|>\n。？！]*["'”’)\]}}*]*|(?<=["“”{{}}\[\]<])["“”{{}}\[\]<]*)\s*)"""
)
_MARK = re.compile(_MARKS)
_SHORTEST = 20
_LONGEST = 150
_STRIDE = _LONGEST // 2


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Half-open character ranges of a text's sentences; none where it is a single one.

    Sentences of a few characters join the next one, which also stands alone: what comes before it may be
    the label of a field or the answer to another question. Long ones are cut into ranges that overlap by half.
    """
    starts: list[int] = []
    ends: list[int] = []
    _split([match.end() for match in _SENTENCE_END.finditer(text)], 0, len(text), starts, ends)
    return list(zip(starts, ends, strict=True))


def sentences_in(
    text: str, windows: Sequence[tuple[int, int]]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The sentences of many windows of a text, as `split_sentences` finds them in each.

    Parameters
    ----------
    windows
        Half-open character ranges of the text.

    Returns
    -------
    starts, ends
        (S,), ranges of the text, one window after another.
    counts
        (W,), how many each window has.
    """
    # What stands between the ends of sentences, and these, in turns.
    places = list(accumulate(map(len, _SENTENCE_END.split(text))))
    marks, text_ends = places[:-1:2], places[1::2]
    starts: list[int] = []
    ends: list[int] = []
    so_far = [0]
    for start, stop in windows:
        first = bisect_left(marks, start)
        if (
            first
            and text_ends[first - 1] > start
            and _MARK.search(text, start, min(text_ends[first - 1], stop))
        ):
            # It begins amid what ends a sentence of the text, and may end its first one elsewhere.
            window_ends = [match.end() for match in _SENTENCE_END.finditer(text, start, stop)]
        else:
            window_ends = text_ends[first : bisect_left(text_ends, stop, first)]
        _split(window_ends, start, stop, starts, ends)
        so_far.append(len(starts))
    return np.array(starts, np.int64), np.array(ends, np.int64), np.diff(so_far)


def _split(found: Iterable[int], start: int, stop: int, starts: list[int], ends: list[int]) -> None:
    """Add the sentences of a stretch, in which marks end at some places, to lists; none where it is a single one."""
    before, alone = len(starts), start
    for end in (*found, stop):
        length = end - start
        if length < _SHORTEST and end < stop:
            alone = end
            continue
        # Most are no longer than that, and need no call.
        if 0 < length <= _LONGEST:
            starts.append(start)
            ends.append(end)
        else:
            _cut(start, end, starts, ends)
        if start < alone and end - alone >= _SHORTEST:
            _cut(alone, end, starts, ends)
        start = alone = end
    if len(starts) == before + 1:
        starts.pop()
        ends.pop()


def _cut(start: int, end: int, starts: list[int], ends: list[int]) -> None:
    if end - start > _LONGEST:
        firsts = range(start, end - _STRIDE, _STRIDE)
        starts += firsts
        ends += (min(first + _LONGEST, end) for first in firsts)
    elif end > start:
        starts.append(start)
        ends.append(end)
