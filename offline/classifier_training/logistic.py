"""Logistic regression on a dense and a sparse block of features at once, which side by side would take gigabytes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit

_ITERATIONS = 300
# What an iteration must still gain, as a share of the loss. Less moves no verdict.
_LEAST_GAIN = 1e-5


@dataclass(frozen=True)
class LinearModel:
    """Log-odds linear in both blocks: ``dense @ dense_weights + sparse @ sparse_weights + bias``."""

    dense_weights: NDArray[np.float64]
    sparse_weights: NDArray[np.float64]
    bias: float


def fit_logistic(
    dense: NDArray[np.float32],
    counted: sparse.csr_matrix,
    labels: NDArray[np.int64],
    weights: NDArray[np.float64],
    strength: float,
    *,
    offsets: NDArray[np.float64] | float = 0.0,
    iterations: int = _ITERATIONS,
    least_gain: float = _LEAST_GAIN,
) -> LinearModel:
    """Minimise the weighted loss, both classes of one weight together, plus the L2 norm of all weights.

    Parameters
    ----------
    dense, counted
        (N, D) and (N, S).
    labels
        (N,) 0 or 1.
    weights
        (N,) sample weights.
    strength
        What the loss counts against the norm, as scikit-learn's ``C``.
    offsets
        (N,) log-odds that are there already, to which the model's are added.
    iterations, least_gain
        At which it stops, whichever comes first; the gain of an iteration as a share of the loss.
    """
    signs = np.where(labels == 1, 1.0, -1.0)
    weights = weights.copy()
    for side in (0, 1):
        weights[labels == side] *= len(labels) / 2 / weights[labels == side].sum()
    width = dense.shape[1]
    transposed = sparse.csr_matrix(counted.T)
    # What no sample has learns nothing; of a vocabulary a few prompts have little.
    samples = np.diff(transposed.indptr)
    (used,) = np.nonzero(samples)
    transposed, counted = sparse.csr_matrix(transposed[used]), sparse.csr_matrix(counted[:, used])

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        first, second, bias = parameters[:width], parameters[width:-1], parameters[-1]
        margins = signs * (offsets + dense @ first.astype(np.float32) + counted @ second + bias)
        slopes = -strength * weights * signs * expit(-margins)
        gradient = np.concatenate(
            [
                dense.T @ slopes.astype(np.float32) + first,
                transposed @ slopes + second,
                [slopes.sum()],
            ]
        )
        value = strength * float(weights @ np.logaddexp(0, -margins)) + 0.5 * float(
            first @ first + second @ second
        )
        return value, gradient

    start = np.zeros(width + len(used) + 1)
    options = {"maxiter": iterations, "ftol": least_gain}
    found: NDArray[np.float64] = minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x
    sparse_weights = np.zeros(len(samples))
    sparse_weights[used] = found[width:-1]
    return LinearModel(found[:width], sparse_weights, float(found[-1]))
