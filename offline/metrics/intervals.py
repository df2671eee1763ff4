"""How sure a counted share is."""

import math

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
