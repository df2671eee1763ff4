"""Fitting a head: its first tier on the tokens' own vectors, then a direction over embeddings beside a bag of tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import Ridge

from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.gate import TokenVectors
from lethe.classifier.names import COUNTED, GroupedNames, NameWeights
from lethe.classifier.token_bag import NOTHING, PAIR_BUCKETS, BagWeights, bag_features
from lethe.offline.classifier_training.logistic import fit_logistic
from lethe.offline.classifier_training.name_groups import RARE

_STRENGTH = 5.0
# The larger the features of tokens, the less the norm holds back their weights beside those of the embedding.
BAG_SCALE = 3.0
_GATE_STRENGTH = 0.1
# How far a first tier that repeats an embedding's log-odds is held back, the log-odds that it is to repeat at the utmost, and
# those of ordinary text in bulk, which is not embedded.
_REPEATED_NORM = 100.0
_REPEATED = (-12.0, 8.0)
_OF_BACKGROUND = -5.0
# Likewise for names, of which a question seldom has more than one.
_NAME_SCALE = 3.0
# What a window about the target weighs, and any other, when its embedding is shown alone. Where those about the target weigh
# more, or the others less, the direction takes more ordinary text for the target than it finds more of it.
_ALONE, _OTHERS_ALONE = 0.05, 1.0
# Weights of a smaller part of the largest one change no verdict, and most weights are.
_LEAST_SHARE = 0.005
# Of the windows about the target that a head was fitted on, the first tier may clear these.
_CLEARED = 0.01


@dataclass(frozen=True)
class FittedHead:
    """The learned numbers of a head, before calibration; see `lethe.classifier.head.Head` for their meaning."""

    direction: NDArray[np.float32]
    bias: float
    bag: BagWeights
    names: NameWeights
    gate_direction: NDArray[np.float32]
    gate_bias: float
    pass_below: float
    lexical_below: float


def fit_head(
    encoder: Encoder,
    texts: Sequence[str],
    tokens: Sequence[NDArray[np.int64]],
    embeddings: NDArray[np.float32],
    labels: NDArray[np.int64],
    weights: NDArray[np.float64],
    names: GroupedNames,
    background: Sequence[NDArray[np.int64]] = (),
) -> FittedHead:
    """Fit a head on windows.

    Parameters
    ----------
    texts, tokens
        N windows, as text and as token ids.
    embeddings
        (N, dimension), of unit length.
    labels
        (N,) 1 for the target, 0 for everything else.
    weights
        (N,) sample weights.
    names
        The target's names.
    background
        Stretches of any ordinary text as token ids, which the first tier is to clear.
    """
    named = np.stack([names.counted(text).ravel() for text in texts])
    dense = np.hstack([embeddings, _NAME_SCALE * named])
    bags = bags_of(encoder, tokens)
    dimension = embeddings.shape[1]
    model = fit_logistic(*_with_embeddings_alone(dimension, dense, bags, labels, weights), _STRENGTH)
    log_odds = embeddings @ model.dense_weights[:dimension].astype(np.float32) + np.float32(model.bias)
    gate = repeat_log_odds(encoder, tokens, log_odds, labels, weights, background)
    bag = (BAG_SCALE * model.sparse_weights).astype(np.float16).astype(np.float32)
    (features,) = np.nonzero(np.abs(bag) > _LEAST_SHARE * np.abs(bag).max(initial=0))
    # The first tier holds back what has names, whatever its other tokens are.
    unnamed = (labels == 1) & ~named.any(axis=1)
    lexical = (bags[unnamed] if unnamed.any() else bags[labels == 1]) @ model.sparse_weights
    return FittedHead(
        direction=model.dense_weights[:dimension].astype(np.float32),
        bias=model.bias,
        bag=BagWeights(features, bag[features]),
        names=NameWeights(
            names,
            _as_telling_as_others(
                (_NAME_SCALE * model.dense_weights[dimension:]).astype(np.float32).reshape(-1, COUNTED)
            ),
        ),
        gate_direction=gate.direction,
        gate_bias=gate.bias,
        pass_below=gate.pass_below,
        lexical_below=float(np.quantile(lexical, _CLEARED)),
    )


def _as_telling_as_others(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """The weights of groups of names, (groups, COUNTED), with those of rare names raised to the others'.

    An operator lists what the target is called in other languages, which English prompts do not have, or has a plural that one of
    them has. Neither ordinary text nor what is near has such a name, so it says no less than those do that were learned.
    """
    rare = np.arange(len(weights)) == RARE
    return np.where(rare[:, None], weights.max(axis=0, initial=0), weights)


def _with_embeddings_alone(
    dimension: int,
    dense: NDArray[np.float32],
    bags: sparse.csr_matrix,
    labels: NDArray[np.int64],
    weights: NDArray[np.float64],
) -> tuple[NDArray[np.float32], sparse.csr_matrix, NDArray[np.int64], NDArray[np.float64]]:
    """The windows, and each once more without its tokens and names.

    A few prompts can be told apart by their names and words alone, and then the embedding would learn nothing; but a
    translation has other words, and a description no name. What fails beside each other must be learned apart (Neverova et
    al., "ModDrop: adaptive multi-modal gesture recognition", PAMI 2016).
    """
    alone = dense.copy()
    alone[:, dimension:] = 0
    return (
        np.vstack([dense, alone]),
        sparse.csr_matrix(sparse.vstack([bags, sparse.csr_matrix(bags.shape)])),
        np.tile(labels, 2),
        np.concatenate([weights, np.where(labels == 1, _ALONE, _OTHERS_ALONE) * weights]),
    )


@dataclass(frozen=True)
class FittedGate:
    """The first step of a first tier; see `lethe.classifier.gate`."""

    direction: NDArray[np.float32]
    bias: float
    pass_below: float


def fit_gate(
    vectors: TokenVectors,
    tokens: Sequence[NDArray[np.int64]],
    labels: NDArray[np.int64],
    weights: NDArray[np.float64],
    background: Sequence[NDArray[np.int64]],
) -> FittedGate:
    """Fit the first step to labels, where there are no log-odds yet; parameters as for `fit_head`."""
    sums = token_sums(vectors, [*tokens, *background])
    scale = float(sums.std())
    gate = fit_logistic(
        sums / scale,
        sparse.csr_matrix((len(sums), 0)),
        np.concatenate([labels, np.zeros(len(background), np.int64)]),
        np.concatenate([weights, np.ones(len(background))]),
        _GATE_STRENGTH,
    )
    gated = sums[: len(tokens)] / scale @ gate.dense_weights + gate.bias
    return FittedGate(
        (gate.dense_weights / scale).astype(np.float32),
        gate.bias,
        float(np.quantile(gated[labels == 1], _CLEARED)),
    )


def repeat_log_odds(
    vectors: TokenVectors,
    tokens: Sequence[NDArray[np.int64]],
    log_odds: NDArray[np.float32],
    labels: NDArray[np.int64],
    weights: NDArray[np.float64],
    background: Sequence[NDArray[np.int64]],
    *,
    norm: float = _REPEATED_NORM,
) -> FittedGate:
    """Fit the first step to say of a window's tokens what the direction says of its embedding (ridge regression).

    What is asked in another language, or without a name, is like no window of a few prompts in its words; the direction has
    learned from the encoder what it is like, and the first step from the direction.

    Parameters
    ----------
    log_odds
        (N,) of the windows' embeddings; the others as for `fit_head`.
    norm
        How far it is held back.
    """
    sums = token_sums(vectors, [*tokens, *background])
    balanced = weights / np.where(labels == 1, weights[labels == 1].sum(), weights[labels == 0].sum())
    model = Ridge(alpha=norm).fit(
        sums,
        np.concatenate([np.clip(log_odds, *_REPEATED), np.full(len(background), _OF_BACKGROUND)]),
        np.concatenate([balanced * len(labels) / 2, np.ones(len(background))]),
    )
    repeated = model.predict(sums[: len(tokens)])
    return FittedGate(
        model.coef_.astype(np.float32),
        float(model.intercept_),
        float(np.quantile(repeated[labels == 1], _CLEARED)),
    )


def bags_of(encoder: Encoder, tokens: Sequence[NDArray[np.int64]]) -> sparse.csr_matrix:
    """Bags of tokens, (N, features); see `lethe.classifier.token_bag`."""
    found = [bag_features(ids, encoder.wordless) for ids in tokens]
    kept = [features[features != NOTHING] for features in found]
    ends = np.cumsum([0, *map(len, kept)])
    values = np.repeat([BAG_SCALE * max(len(each), 1) ** -0.5 for each in found], np.diff(ends))
    return sparse.csr_matrix(
        (values, np.concatenate(kept), ends),
        shape=(len(tokens), PAIR_BUCKETS + encoder.vocabulary_size),
    )


def token_sums(vectors: TokenVectors, tokens: Sequence[NDArray[np.int64]]) -> NDArray[np.float32]:
    """The sum of each window's token vectors over the root of their number, (N, token dimension)."""
    return np.stack([vectors.token_vectors(ids).sum(axis=0) / max(len(ids), 1) ** 0.5 for ids in tokens])
