"""What is left of a model's usefulness."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import harmonic_mean

UTILITY_SETS = ("retain", "real_authors", "world_facts")


@dataclass(frozen=True)
class UtilityScores:
    """The three numbers of one question set, each averaged over its questions, each in [0, 1].

    Attributes
    ----------
    probability
        Answer probability (retain set), or the true answer's share among the answers on offer (the other two).
    rouge_l
        ROUGE-L recall of the greedy answer.
    truthfulness
        ``max(0, 1 - R)``.
    """

    probability: float
    rouge_l: float
    truthfulness: float


def model_utility(sets: Mapping[str, UtilityScores]) -> float:
    """Harmonic mean of nine numbers: three scores on each of retain, real authors and world facts.

    Returns
    -------
    float
        In [0, 1]; zero as soon as one of the nine is.

    Notes
    -----
    Maini et al., TOFU (arXiv 2401.06121), section 2.2.1, "Model utility".

    Raises
    ------
    ValueError
        When a set is missing.
    """
    missing = [name for name in UTILITY_SETS if name not in sets]
    if missing:
        raise ValueError(
            f"model utility needs the sets {', '.join(UTILITY_SETS)}; missing: {', '.join(missing)}"
        )
    parts = [
        value
        for name in UTILITY_SETS
        for value in (sets[name].probability, sets[name].rouge_l, sets[name].truthfulness)
    ]
    return float(harmonic_mean(parts))
