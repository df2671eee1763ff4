"""A head changed as little as examples ask for: logistic regression with the head's own scores as offset.

The change of direction, names and bag is held back by its L2 norm, so what no example speaks of stays as it was.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit

from lethe.classifier.canonical import canonicalise
from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.head import Head, HeadBank
from lethe.classifier.names import COUNTED, NameWeights
from lethe.classifier.token_bag import PAIR_BUCKETS, BagWeights, bag_features

# The larger the features, the less the norm holds back their weights beside those of the embedding: as for training, and
# more for names, which no words beside them dilute.
_BAG_SCALE = 3.0
_NAME_SCALE = 6.0
_ITERATIONS = 200
# As for training: smaller weights change no verdict.
_LEAST_SHARE = 0.005


def correct_head(
    head: Head,
    encoder: Encoder,
    texts: Sequence[str],
    embeddings: NDArray[np.float32],
    labels: NDArray[np.int64],
    weights: NDArray[np.float64],
    strength: float,
) -> Head:
    """The head with the change of its weights that examples ask for; its threshold stays at the same score.

    Parameters
    ----------
    texts, embeddings
        N texts, none longer than a window, and (N, dimension).
    labels
        (N,) 1 for the target, 0 for everything else.
    weights
        (N,) sample weights.
    strength
        What the loss counts against the norm of the change, as scikit-learn's ``C``.
    """
    canonical = [canonicalise(text).text for text in texts]
    tokens = [encoder.tokenize(text).ids for text in texts]
    bank = HeadBank([head], encoder.sha256, encoder.dimension)
    offsets = np.array(
        [
            bank.score(embedding, ids, text)[0]
            for embedding, ids, text in zip(embeddings, tokens, canonical, strict=True)
        ]
    ) - head.calibration.score(head.threshold)
    named = np.stack([head.names.names.counted(text).ravel() for text in canonical])
    dense = np.hstack([embeddings, _NAME_SCALE * named]).astype(np.float32)
    counted, features = _bags(tokens, encoder.vocabulary_size)
    change = _fitted(dense, counted, offsets, labels, weights, strength)
    width, dimension = dense.shape[1], encoder.dimension
    first, second, bias = change[:width], change[width:-1], float(change[-1])
    return dataclasses.replace(
        head,
        direction=(head.direction + first[:dimension]).astype(np.float32),
        bias=head.bias + bias,
        bag=_joined(head.bag, features, _BAG_SCALE * second),
        names=NameWeights(
            head.names.names,
            head.names.weights + (_NAME_SCALE * first[dimension:]).astype(np.float32).reshape(-1, COUNTED),
        ),
        version="",
    )


def _bags(
    tokens: Sequence[NDArray[np.int64]], vocabulary_size: int
) -> tuple[sparse.csr_matrix, NDArray[np.int64]]:
    """Bags of tokens, (N, features that occur), and which features these are."""
    found = [bag_features(ids) for ids in tokens]
    ends = np.cumsum([0, *map(len, found)])
    values = np.repeat([_BAG_SCALE * max(len(each), 1) ** -0.5 for each in found], np.diff(ends))
    bags = sparse.csr_matrix(
        (values, np.concatenate(found), ends), shape=(len(tokens), PAIR_BUCKETS + vocabulary_size)
    )
    features = np.unique(bags.indices).astype(np.int64)
    return sparse.csr_matrix(bags[:, features]), features


def _fitted(
    dense: NDArray[np.float32],
    counted: sparse.csr_matrix,
    offsets: NDArray[np.float64],
    labels: NDArray[np.int64],
    weights: NDArray[np.float64],
    strength: float,
) -> NDArray[np.float64]:
    """The change of dense weights, sparse weights and bias that minimises the weighted loss plus its norm."""
    signs = np.where(labels == 1, 1.0, -1.0)
    weights = weights.copy()
    for side in (0, 1):
        weights[labels == side] *= len(labels) / 2 / weights[labels == side].sum()
    width = dense.shape[1]
    transposed = sparse.csr_matrix(counted.T)

    def loss(change: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        first, second, bias = change[:width], change[width:-1], change[-1]
        margins = signs * (offsets + dense @ first.astype(np.float32) + counted @ second + bias)
        slopes = -strength * weights * signs * expit(-margins)
        gradient = np.concatenate(
            [dense.T @ slopes.astype(np.float32) + first, transposed @ slopes + second, [slopes.sum()]]
        )
        value = strength * float(weights @ np.logaddexp(0, -margins))
        return value + 0.5 * float(first @ first + second @ second), gradient

    start = np.zeros(width + transposed.indptr.size)
    return minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS}).x


def _joined(bag: BagWeights, features: NDArray[np.int64], change: NDArray[np.float64]) -> BagWeights:
    """A bag with some weights changed, without those too small to matter."""
    every = np.union1d(bag.features, features)
    weights = bag.of(every).astype(np.float64)
    weights[np.searchsorted(every, features)] += change
    weights = weights.astype(np.float16).astype(np.float32)
    kept = np.abs(weights) > _LEAST_SHARE * np.abs(weights).max(initial=0)
    return BagWeights(every[kept], weights[kept])
