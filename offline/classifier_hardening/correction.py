"""A head changed as little as examples ask for: logistic regression with the head's own scores as offset.

The change of direction, names and bag is held back by its L2 norm, so what no example speaks of stays as it was.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.head import Head, HeadBank
from lethe.classifier.names import COUNTED, NameWeights
from lethe.classifier.text.canonical import canonicalise
from lethe.classifier.token_bag import BagWeights
from lethe.offline.classifier_training.fitting import BAG_SCALE, bags_of
from lethe.offline.classifier_training.logistic import fit_logistic

# The larger the features, the less the norm holds back their weights: more for names than in training, as no words beside
# them dilute them.
_NAME_SCALE = 6.0
_ITERATIONS = 200
# SciPy's own: a correction is small beside the scores that it is added to.
_LEAST_GAIN = 1e7 * float(np.finfo(np.float64).eps)
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
    bank = HeadBank([head], encoder)
    offsets = np.array(
        [
            bank.score(embedding, ids, text)[0]
            for embedding, ids, text in zip(embeddings, tokens, canonical, strict=True)
        ]
    ) - head.calibration.score(head.threshold)
    named = np.stack([head.names.names.counted(text).ravel() for text in canonical])
    dense = np.hstack([embeddings, _NAME_SCALE * named]).astype(np.float32)
    counted, features = _bags(encoder, tokens)
    change = fit_logistic(
        dense,
        counted,
        labels,
        weights,
        strength,
        offsets=offsets,
        iterations=_ITERATIONS,
        least_gain=_LEAST_GAIN,
    )
    dimension = encoder.dimension
    return dataclasses.replace(
        head,
        direction=(head.direction + change.dense_weights[:dimension]).astype(np.float32),
        bias=head.bias + change.bias,
        bag=_joined(head.bag, features, BAG_SCALE * change.sparse_weights),
        names=NameWeights(
            head.names.names,
            head.names.weights
            + (_NAME_SCALE * change.dense_weights[dimension:]).astype(np.float32).reshape(-1, COUNTED),
        ),
        version="",
    )


def _bags(
    encoder: Encoder, tokens: Sequence[NDArray[np.int64]]
) -> tuple[sparse.csr_matrix, NDArray[np.int64]]:
    """Bags of tokens, (N, features that occur), and which features these are."""
    bags = bags_of(encoder, tokens)
    features = np.unique(bags.indices).astype(np.int64)
    return sparse.csr_matrix(bags[:, features]), features


def _joined(bag: BagWeights, features: NDArray[np.int64], change: NDArray[np.float64]) -> BagWeights:
    """A bag with some weights changed, without those too small to matter."""
    every = np.union1d(bag.features, features)
    weights = bag.of(every).astype(np.float64)
    weights[np.searchsorted(every, features)] += change
    weights = weights.astype(np.float16).astype(np.float32)
    kept = np.abs(weights) > _LEAST_SHARE * np.abs(weights).max(initial=0)
    return BagWeights(every[kept], weights[kept])
