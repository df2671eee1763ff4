"""Similarity of a generated continuation to protected text."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from nltk.stem.porter import PorterStemmer
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from nltk.translate.meteor_score import single_meteor_score
from numpy.typing import NDArray
from rouge_score.tokenize import tokenize


class _NoSynonyms:
    """Stands where NLTK expects WordNet, and knows no synonym."""

    def synsets(self, _word: str) -> list[object]:
        return []


@dataclass(frozen=True)
class EmbeddingSimilarity:
    """Precision, recall and F1 of a greedy match of token embeddings, each in [-1, 1]."""

    precision: float
    recall: float
    f1: float


def bleu(reference: str, candidate: str) -> float:
    """Sentence BLEU up to 4-grams with brevity penalty, in [0, 1].

    Papineni et al., "BLEU", 2002; n-gram precisions of zero are smoothed by Lin and Och's method (add one for n > 1:
    Chen and Cherry 2014, method 2), so that a short continuation is not scored zero for want of one 4-gram. Texts are
    lower-cased and split on everything that is no letter or digit.
    """
    reference_words, candidate_words = tokenize(reference, None), tokenize(candidate, None)
    if not reference_words or not candidate_words:
        return 0.0
    score = sentence_bleu([reference_words], candidate_words, smoothing_function=SmoothingFunction().method2)
    return float(score)  # pyright: ignore[reportArgumentType]


def meteor(reference: str, candidate: str) -> float:
    """METEOR with exact and Porter-stem matches, in [0, 1].

    Banerjee and Lavie, "METEOR", 2005, with NLTK's parameters (alpha 0.9, beta 3, gamma 0.5):
    ``F = P R / (0.9 P + 0.1 R)``, times ``1 - 0.5 (chunks / matches) ** 3``. The synonym stage is left out on
    purpose: it needs a WordNet download, and figures should not depend on what a machine has downloaded.
    """
    reference_words, candidate_words = tokenize(reference, None), tokenize(candidate, None)
    if not reference_words or not candidate_words:
        return 0.0
    return float(
        single_meteor_score(
            reference_words,
            candidate_words,
            stemmer=PorterStemmer(),
            wordnet=_NoSynonyms(),  # pyright: ignore[reportArgumentType]
        )
    )


def embedding_similarity(
    reference: NDArray[np.floating], candidate: NDArray[np.floating]
) -> EmbeddingSimilarity:
    """BERTScore's greedy match over any encoder's token embeddings.

    Parameters
    ----------
    reference
        Shape (reference tokens, d). Contextual embeddings of the true text.
    candidate
        Shape (candidate tokens, d). Contextual embeddings of the generated text.

    Notes
    -----
    Zhang et al., "BERTScore" (arXiv 1904.09675), section 3, without IDF weights or baseline rescaling:
    recall = mean over reference tokens of the best cosine to a candidate token; precision the other way round.

    Raises
    ------
    ValueError
        When a side has no token or the widths differ.
    """
    if reference.ndim != 2 or candidate.ndim != 2 or reference.shape[1] != candidate.shape[1]:
        raise ValueError(
            f"expected (tokens, d) arrays of equal width, got {reference.shape} and {candidate.shape}"
        )
    if not reference.shape[0] or not candidate.shape[0]:
        raise ValueError("a text without tokens has no embedding similarity")
    unit_reference = reference / np.linalg.norm(reference, axis=1, keepdims=True)
    unit_candidate = candidate / np.linalg.norm(candidate, axis=1, keepdims=True)
    cosine = unit_reference @ unit_candidate.T  # (reference tokens, candidate tokens)
    recall = float(cosine.max(axis=1).mean())
    precision = float(cosine.max(axis=0).mean())
    total = precision + recall
    return EmbeddingSimilarity(precision, recall, 2 * precision * recall / total if total > 0 else 0.0)


def average_similarity_gap(unlearned: Sequence[float], retain: Sequence[float]) -> float:
    """Mean absolute difference of similarity metrics between the unlearned and the retain model.

    ECO (arXiv 2406.07933), section 4.4, ASG: 0 when the unlearned model resembles the protected text just as much as
    a model that never saw it does, no more and no less.

    Parameters
    ----------
    unlearned, retain
        The same metrics in the same order and on the same scale.

    Raises
    ------
    ValueError
        When there is no metric or the lengths differ.
    """
    if not unlearned or len(unlearned) != len(retain):
        raise ValueError(f"got {len(unlearned)} metrics of one model and {len(retain)} of the other")
    return float(np.mean(np.abs(np.asarray(unlearned) - np.asarray(retain))))
