"""The threshold at which a wanted share of requests is flagged. Numbers; knows nothing about classifiers."""

import math
from collections.abc import Sequence

from lethe.offline.classifier_calibration.errors import CalibrationError

# So many flagged requests make a rate that is told to within a factor of two or so.
_FLAGGED_NEEDED = 10
_STEPS_OF_LOG_ODDS = 100
_HIGHEST = 1 - 1e-6


def check_enough(requests: int, rate: float) -> None:
    """Check that a rate can be set by so many requests.

    Raises
    ------
    CalibrationError
        It cannot; the message says how many it takes.
    """
    needed = math.ceil(_FLAGGED_NEEDED / rate - 1e-9)
    if requests >= needed:
        return
    least = _FLAGGED_NEEDED / max(requests, 1)
    possible = f"; these are enough for {least:.3g} or more" if least < 1 else ""
    raise CalibrationError(
        f"{requests:,} requests are too few to set a rate of {rate:g} by; it takes {needed:,}{possible}"
    )


def threshold_at_rate(reach: Sequence[float], rate: float, lowest: float) -> float:
    """The lowest threshold that flags at most a share of requests, in steps of 0.01 of log-odds.

    Parameters
    ----------
    reach
        By request, the highest threshold that flags it; 0 where none does.
    lowest
        A probability that the threshold must be above.

    Raises
    ------
    CalibrationError
        There are too few requests for the rate, or more of them are flagged at any threshold.
    """
    check_enough(len(reach), rate)
    may_be_flagged = math.floor(rate * len(reach) + 1e-9)
    must_pass = sorted(reach, reverse=True)[may_be_flagged]
    bound = max(must_pass, lowest, 1e-6)
    if bound >= _HIGHEST:
        raise CalibrationError(
            f"more than {rate:g} of the requests are flagged at any threshold; train with those that are not about the target"
        )
    return min(_just_above(bound), _HIGHEST)


def _just_above(probability: float) -> float:
    steps = math.floor(math.log(probability / (1 - probability)) * _STEPS_OF_LOG_ODDS) + 1
    return 1 / (1 + math.exp(-steps / _STEPS_OF_LOG_ODDS))
