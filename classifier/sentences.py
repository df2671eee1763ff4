"""Sentences of a text: what is said in one sentence is not diluted by those around it.

The encoder reads a whole window once; a sentence's embedding is the mean of its own tokens' (late chunking; Günther et al.,
arXiv 2409.04701), so judging each sentence costs no further pass.
"""

import re

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
    sentences: list[tuple[int, int]] = []
    start = alone = 0
    length = len(text)
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    for end in (*ends, length):
        if end - start < _SHORTEST and end < length:
            alone = end
            continue
        sentences += _cut(start, end)
        if start < alone and end - alone >= _SHORTEST:
            sentences += _cut(alone, end)
        start = alone = end
    return sentences if len(sentences) > 1 else []


def _cut(start: int, end: int) -> list[tuple[int, int]]:
    if end - start <= _LONGEST:
        return [(start, end)] if end > start else []
    return [(first, min(first + _LONGEST, end)) for first in range(start, end - _STRIDE, _STRIDE)]


def sentences_in(text: str, windows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The sentences of many windows of a text, as `split_sentences` finds them in each.

    Parameters
    ----------
    windows
        (W, 2), half-open character ranges of the text.

    Returns
    -------
    (S, 2), ranges of the text, one window after another; and (S,), the window that each stands in.
    """
    # What stands between the ends of sentences, and these, in turns.
    places = np.fromiter(map(len, _SENTENCE_END.split(text)), np.int64).cumsum()
    begins, ends = places[:-1:2], places[1::2]
    first = begins.searchsorted(windows[:, 0])
    apart = _begin_amid_marks(text, windows, first, ends)
    rows = np.setdiff1d(np.arange(len(windows)), apart)
    found = [_split_at(ends, windows[rows], first[rows], rows)]
    for row in apart:
        start, end = windows[row].tolist()
        sentences = np.array(split_sentences(text[start:end]), np.int64).reshape(-1, 2)
        found.append(np.insert(sentences + start, 0, row, axis=1))
    together = np.concatenate(found)
    ordered = together[together[:, 0].argsort(kind="stable")]
    return ordered[:, 1:], ordered[:, 0]


def _begin_amid_marks(
    text: str, windows: NDArray[np.int64], first: NDArray[np.int64], ends: NDArray[np.int64]
) -> list[int]:
    """Windows that begin amid what ends a sentence of the text: they may end their first one elsewhere."""
    previous = np.concatenate([[0], ends])[first]
    return [
        row
        for row in (previous > windows[:, 0]).nonzero()[0].tolist()
        if _MARK.search(text, windows[row, 0], min(previous[row], windows[row, 1]))
    ]


def _split_at(
    ends: NDArray[np.int64], windows: NDArray[np.int64], first: NDArray[np.int64], rows: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Sentences as (row, start, end), where each window's ends of sentences are those from its `first` on.

    The next sentence of every window is found at once, then that after it, as long as there are any.
    """
    within = ends.searchsorted(windows[:, 1])
    padded = np.append(ends, 0)
    row, start, stop = rows, windows[:, 0], windows[:, 1]
    found: list[NDArray[np.int64]] = [np.empty((0, 3), np.int64)]
    while len(row):
        place = np.maximum(np.minimum(ends.searchsorted(start + _SHORTEST), within), first)
        end = np.where(place < within, padded[place], stop)
        alone = np.where(place > first, padded[place - 1], start)
        found.append(np.column_stack([row, start, end]))
        chosen = (alone > start) & (end - alone >= _SHORTEST)
        found.append(np.column_stack([row[chosen], alone[chosen], end[chosen]]))
        on = end < stop
        row, start, stop, within, first = row[on], end[on], stop[on], within[on], place[on] + 1
    return _several(_cut_long(np.concatenate(found)))


def _cut_long(sentences: NDArray[np.int64]) -> NDArray[np.int64]:
    row, start, end = sentences.T
    counts = np.where(end - start <= _LONGEST, 1, -((_STRIDE + start - end) // _STRIDE))
    numbers = np.arange(counts.sum()) - (counts.cumsum() - counts).repeat(counts)
    first = start.repeat(counts) + _STRIDE * numbers
    return np.column_stack([row.repeat(counts), first, np.minimum(first + _LONGEST, end.repeat(counts))])


def _several(sentences: NDArray[np.int64]) -> NDArray[np.int64]:
    """Without those that are all of a window's."""
    return sentences[np.bincount(sentences[:, 0])[sentences[:, 0]] > 1]
