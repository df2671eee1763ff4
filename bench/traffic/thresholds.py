"""What other thresholds than a head's own would flag, of prompts that it was not trained on. Counts; asks nothing."""

import math
from collections.abc import Mapping, Sequence

from bench.page import table
from lethe.offline.classifier_training.threshold_effects import thresholds_around
from lethe.offline.metrics.intervals import counted

# The goal for paraphrases.
_NEARLY_ALL = 0.99


def thresholds_table(
    threshold: float, to_find: Mapping[str, Sequence[float]], to_keep: Mapping[str, Sequence[float]]
) -> str:
    """A table of the thresholds around a head's own, which is marked, and of the highest that finds nearly all.

    Parameters
    ----------
    to_find, to_keep
        By the name of a set of prompts, of each the highest threshold that flags it, 0 where none does.
    """
    sets = {**to_find, **to_keep}
    reached = sorted((reach for side in to_find.values() for reach in side), reverse=True)
    nearly_all = reached[math.ceil(_NEARLY_ALL * len(reached)) - 1]
    found = [reach for reach in reached if reach]
    shown: set[float] = {*thresholds_around(threshold, found), nearly_all} - {0.0}
    return table(
        ["flagged from probability", *(f"{name}, flagged" for name in sets)],
        [
            [
                f"{each:.6g}{', as trained' if each == threshold else ''}",
                *(counted(sum(reach >= each for reach in side), len(side)) for side in sets.values()),
            ]
            for each in sorted(shown)
        ],
    )
