"""Whether an unlearned model can be told from one that never saw the data."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import ks_2samp


@dataclass(frozen=True)
class ForgetQuality:
    """Outcome of the two-sample Kolmogorov-Smirnov test.

    Attributes
    ----------
    p_value
        The forget quality: near 1, the two models cannot be told apart; under 0.05, they can.
    statistic
        Largest distance between the two empirical distributions, in [0, 1].
    """

    p_value: float
    statistic: float


def forget_quality(unlearned: Sequence[float], retain: Sequence[float]) -> ForgetQuality:
    """Compare the truth ratios of the forget questions under the unlearned and the retain model.

    Parameters
    ----------
    unlearned, retain
        Truth ratios R, one for each forget question. The test depends only on their order, so R or 1/R give the
        same p-value (the folded ``min(R, 1/R)`` does not, and must not be passed).

    Notes
    -----
    Maini et al., TOFU (arXiv 2401.06121), section 2.2.2; ``scipy.stats.ks_2samp``, two-sided, exact where possible.

    Raises
    ------
    ValueError
        When either side is empty.
    """
    if not unlearned or not retain:
        raise ValueError(
            f"forget quality compares two samples, got {len(unlearned)} and {len(retain)} truth ratios"
        )
    statistic, p_value = np.asarray(ks_2samp(unlearned, retain), dtype=np.float64)
    return ForgetQuality(p_value=float(p_value), statistic=float(statistic))
