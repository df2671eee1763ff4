"""From which log-odds on a window is odd: limits that few ordinary texts of any kind reach, by the length of texts and the size of windows.

Knows numbers alone.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Of the texts of each kind, how many may have an odd window, and how many limits are tried for that.
ALARMED = 0.005
_STEPS = 60


def learned_limits(oddest: NDArray[np.float32], kinds: Sequence[str]) -> NDArray[np.float32]:
    """The lowest limits that no more than `ALARMED` of the texts of each kind reach, (lengths, sizes).

    Parameters
    ----------
    oddest
        (texts, lengths, sizes), the highest log-odds of each text's windows when it is cut to a length, by their size; -inf
        where it has none of a size.
    kinds
        (texts,), of which kind each is.
    """
    told = np.array(kinds)
    of_kinds = [np.equal(told, kind) for kind in dict.fromkeys(kinds)]
    limits = np.stack([_of_length(oddest[:, at], of_kinds) for at in range(oddest.shape[1])])
    # Texts of some length have no windows of some size; somewhat longer ones do.
    for at in reversed(range(len(limits) - 1)):
        limits[at] = np.where(np.isnan(limits[at]), limits[at + 1], limits[at])
    # A longer text never asks for less.
    return np.maximum.accumulate(limits, axis=0)


def _of_length(oddest: NDArray[np.float32], kinds: Sequence[NDArray[np.bool_]]) -> NDArray[np.float32]:
    """(sizes,), NaN of those that no text has."""
    # Sizes share what is allowed: each has the limit that as much of the texts of all kinds reach, kinds counting alike.
    weights = sum((of_it / of_it.sum() for of_it in kinds), np.zeros(len(oddest))) / len(kinds)
    met: NDArray[np.bool_] = np.any(np.isfinite(oddest), axis=0)
    chosen = np.full(len(met), np.inf, np.float32)
    for share in np.geomspace(ALARMED / 100, 2 * ALARMED, _STEPS):
        tried = np.array([_reached_by(column, weights, share) for column in oddest.T], np.float32)
        odd: NDArray[np.bool_] = np.any(oddest[:, met] >= tried[met], axis=1)
        if any(odd[of_it].mean() > ALARMED for of_it in kinds):
            break
        chosen = tried
    return np.where(met, chosen, np.float32(np.nan))


def _reached_by(values: NDArray[np.float32], weights: NDArray[np.float64], share: float) -> np.float32:
    """The lowest limit that values of no more than so much weight reach."""
    order = np.argsort(-values)
    place = int(np.cumsum(weights[order]).searchsorted(share, "right"))
    return np.float32(np.nextafter(values[order[min(place, len(order) - 1)]], np.float32(np.inf)))
