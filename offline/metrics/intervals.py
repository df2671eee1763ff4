"""How sure a counted share or a measured figure is."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

_NORMAL_QUANTILE = 1.959964


def wilson(hits: int, total: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a share; everything from 0 to 1 where nothing was counted."""
    if total == 0:
        return 0.0, 1.0
    share, square = hits / total, _NORMAL_QUANTILE**2
    centre = (share + square / (2 * total)) / (1 + square / total)
    spread = _NORMAL_QUANTILE * math.sqrt(share * (1 - share) / total + square / (4 * total**2))
    half = spread / (1 + square / total)
    return max(0.0, centre - half), min(1.0, centre + half)


def counted(hits: int, total: int) -> str:
    """A share as a table shows it: counts, per cent, and the interval in per cent."""
    if total == 0:
        return "–"
    low, high = wilson(hits, total)
    return f"{hits}/{total}: {100 * hits / total:.1f} % ({100 * low:.1f}–{100 * high:.1f})"


def bootstrap(
    statistic: Callable[..., float], *samples: Sequence[float], rounds: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """The 95 % percentile interval of a statistic of one or more samples, each drawn anew by itself.

    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 13.3.

    Parameters
    ----------
    statistic
        Takes as many arrays of shape (items,) as there are samples.

    Raises
    ------
    ValueError
        A sample is empty.
    """
    values: list[NDArray[np.float64]] = [np.asarray(sample, np.float64) for sample in samples]
    if not values or not all(len(sample) for sample in values):
        raise ValueError("an interval needs at least one sample, and at least one item in each")
    random = np.random.default_rng(seed)
    drawn = [
        statistic(*(sample[random.integers(len(sample), size=len(sample))] for sample in values))
        for _ in range(rounds)
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)
