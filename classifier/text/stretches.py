"""The stretches of texts that the first tier judges: windows, each with its sentences, all as arrays.

A long text has tens of thousands, nearly all of which are cleared, so there is no object for each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.text.points import letters_and_digits
from lethe.classifier.text.sentences import sentences_in
from lethe.classifier.text.windows import split_windows


@dataclass(frozen=True)
class Stretches:
    """Windows of texts that stand one after another, a line break between them, and their sentences.

    Attributes
    ----------
    text
        All texts.
    places
        (texts + 1,) int64, where each of them begins, and where the next one would.
    bounds
        (N, 2) int64, half-open ranges of `text`: each window, its sentences behind it.
    first
        (W + 1,) int64, the row of each window, and N.
    owner
        (W,) int64, the text that each window stands in.
    """

    text: str
    places: NDArray[np.int64]
    bounds: NDArray[np.int64]
    first: NDArray[np.int64]
    owner: NDArray[np.int64]

    @cached_property
    def window(self) -> NDArray[np.int64]:
        """(N,), the window that each row is or stands in."""
        return np.arange(len(self.owner)).repeat(np.diff(self.first))


def cut(texts: Sequence[str]) -> Stretches:
    """The windows of texts and their sentences that have a letter or digit."""
    places = list(accumulate((len(text) + 1 for text in texts), initial=0))
    cuts = [split_windows(text) for text in texts]
    windows = [
        (place + start, place + end)
        for place, found in zip(places, cuts, strict=False)
        for start, end in found
    ]
    joined = "\n".join(texts)
    starts, ends, counts = sentences_in(joined, windows)
    holders = np.arange(len(windows)).repeat(counts)
    # Sentences without letters or digits, such as the braces and rules of code, are trained on, and teach that few tokens
    # are no sign of a target; judged, they would hold back every page that has one.
    so_far = np.concatenate([[0], letters_and_digits(joined).cumsum()])
    telling = so_far[ends] > so_far[starts]
    starts, ends, holders = starts[telling], ends[telling], holders[telling]
    first = np.arange(len(windows) + 1) + holders.searchsorted(np.arange(len(windows) + 1))
    bounds = np.empty((len(windows) + len(starts), 2), np.int64)
    bounds[first[:-1]] = np.array(windows, np.int64).reshape(-1, 2)
    rows = np.arange(len(starts)) + holders + 1
    bounds[rows, 0], bounds[rows, 1] = starts, ends
    owner = np.arange(len(texts)).repeat([len(found) for found in cuts])
    return Stretches(joined, np.array(places, np.int64), bounds, first, owner)
