"""Overlap of a generated text with a reference, by longest common subsequence."""

from dataclasses import dataclass
from functools import cache

from rouge_score.rouge_scorer import RougeScorer


@dataclass(frozen=True)
class RougeScore:
    """Precision, recall and F-measure, each in [0, 1]."""

    precision: float
    recall: float
    f_measure: float


@cache
def _scorer(stemming: bool) -> RougeScorer:
    return RougeScorer(["rouge1", "rougeL"], use_stemmer=stemming)


def rouge_l(reference: str, candidate: str, *, stemming: bool = True) -> RougeScore:
    """ROUGE-L of one candidate against one reference.

    Parameters
    ----------
    reference, candidate
        The true text and the generated one.
    stemming
        TOFU scores with Porter stems (its ``evaluate_util.py``), MUSE without (its ``metrics/logger.py``).

    Notes
    -----
    Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", 2004, section 3; Google's ``rouge_score``.
    With an LCS of length l: recall = l / |reference|, precision = l / |candidate|.
    """
    score = _scorer(stemming).score(reference, candidate)["rougeL"]
    return RougeScore(float(score.precision), float(score.recall), float(score.fmeasure))


def rouge_1(reference: str, candidate: str, *, stemming: bool = True) -> RougeScore:
    """Unigram overlap of one candidate with one reference (Lin 2004, section 2, N = 1)."""
    score = _scorer(stemming).score(reference, candidate)["rouge1"]
    return RougeScore(float(score.precision), float(score.recall), float(score.fmeasure))
