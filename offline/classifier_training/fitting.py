"""Fitting a head: n-gram weights first, then a direction over embeddings that also hears the n-grams."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from lethe.classifier.ngrams import BUCKETS, HashedText
from lethe.offline.classifier_training.cores import on_all_cores

LEXICAL_LIMIT = 8.0
_FOLDS = 3
_NGRAM_STRENGTH = 100.0
_STACK_STRENGTH = 1.0


@dataclass(frozen=True)
class FittedHead:
    """The learned numbers of a head, before calibration; see `lethe.classifier.head.Head` for their meaning."""

    direction: NDArray[np.float32]
    bias: float
    ngram_weights: NDArray[np.float32]
    ngram_bias: float
    lexical_share: float


def ngram_matrix(texts: Sequence[str]) -> sparse.csr_matrix:
    """Hashed n-grams of texts, (N, BUCKETS)."""
    hashed = [HashedText(text) for text in texts]
    ends = np.cumsum([0] + [len(each.buckets) for each in hashed])
    columns = np.concatenate([each.buckets for each in hashed]) if hashed else np.empty(0, np.int64)
    values = (
        np.concatenate([np.full(len(each.buckets), each.value) for each in hashed]) if hashed else np.empty(0)
    )
    return sparse.csr_matrix((values, columns, ends), shape=(len(hashed), BUCKETS))


def fit_head(
    texts: Sequence[str],
    embeddings: NDArray[np.float32],
    labels: NDArray[np.int64],
    groups: Sequence[str],
    weights: NDArray[np.float64],
) -> FittedHead:
    """Fit a head on windows.

    N-grams are weighted by the square of their inverse document frequency, which lets the few that name the
    target outweigh the many that every question shares; the weighting is folded into what is kept. The second
    model sees only lexical scores of windows that the first was not fitted on (stacking; Wolpert, Neural
    Networks 1992).

    Parameters
    ----------
    texts
        N windows.
    embeddings
        (N, dimension), of unit length.
    labels
        (N,) 1 for the target, 0 for everything else.
    groups
        N group names; a group is in one fold.
    weights
        (N,) sample weights.
    """
    # A third of the windows say what another says: as a sentence of its window, and alone.
    row_of_text: dict[str, int] = {}
    rows = np.array([row_of_text.setdefault(text, len(row_of_text)) for text in texts])  # (N,)
    ngrams = ngram_matrix(list(row_of_text))  # (distinct texts, BUCKETS)
    often = np.repeat(np.bincount(rows), np.diff(ngrams.indptr))
    seen = np.bincount(ngrams.indices, weights=often, minlength=BUCKETS)
    rarity = (np.log((len(texts) + 1) / (seen + 1)) + 1) ** 2
    rarity /= rarity[seen > 0].mean()
    scaled = sparse.csr_matrix(ngrams @ sparse.diags(rarity))
    group_numbers = np.unique(np.asarray(groups, dtype=object), return_inverse=True)[1]
    folds = list(GroupKFold(_FOLDS).split(rows, labels, group_numbers))

    def lexical_model_of(known: NDArray[np.intp]) -> LogisticRegression:
        # What says the same and has one label is one sample with the weight of all.
        merged, place = np.unique(2 * rows[known] + labels[known], return_inverse=True)
        model = LogisticRegression(
            C=_NGRAM_STRENGTH, class_weight="balanced", solver="liblinear", max_iter=500, random_state=0
        )
        return model.fit(scaled[merged // 2], merged % 2, sample_weight=np.bincount(place, weights[known]))

    everything = np.arange(len(texts))
    lexical_model, *others = on_all_cores(lexical_model_of, [everything, *(known for known, _ in folds)])
    lexical = np.empty(len(texts))
    for model, (_, held_out) in zip(others, folds, strict=True):
        lexical[held_out] = model.decision_function(scaled)[rows[held_out]]
    stacked = np.column_stack([embeddings, np.clip(lexical, -LEXICAL_LIMIT, LEXICAL_LIMIT)])
    stack_model = LogisticRegression(C=_STACK_STRENGTH, class_weight="balanced", max_iter=2000)
    stack_model.fit(stacked, labels, sample_weight=weights)
    return FittedHead(
        direction=np.asarray(stack_model.coef_)[0, :-1].astype(np.float32),
        bias=float(np.asarray(stack_model.intercept_)[0]),
        ngram_weights=(np.asarray(lexical_model.coef_)[0] * rarity).astype(np.float16).astype(np.float32),
        ngram_bias=float(np.asarray(lexical_model.intercept_)[0]),
        lexical_share=float(np.asarray(stack_model.coef_)[0, -1]),
    )
