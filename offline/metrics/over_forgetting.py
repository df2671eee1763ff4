"""Whether more went than was meant to: what a model no longer answers beside what it was to forget."""

from collections.abc import Sequence

import numpy as np


def over_forgetting(before: Sequence[float], after: Sequence[float], answered_from: float = 0.5) -> float:
    """Share of the near questions answered before that are not answered any more [ours].

    Parameters
    ----------
    before, after
        A score of each answer against the truth in [0, 1], such as ROUGE-L recall: of the model as it was, and of the unlearned one.
    answered_from
        The score from which a question counts as answered.

    Notes
    -----
    The mean of a score hides it where the model knew little before, and gains of other questions make up for losses.

    Raises
    ------
    ValueError
        When the lengths differ, or no question was answered before.
    """
    known = np.asarray(before, np.float64) >= answered_from
    if len(before) != len(after) or not known.any():
        raise ValueError(
            f"got {len(before)} and {len(after)} scores, {int(known.sum())} of the former for questions that were answered"
        )
    return float(np.mean(np.asarray(after, np.float64)[known] < answered_from))
