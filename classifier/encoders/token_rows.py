"""What each token is by itself, before its neighbours count: computed once for each that is met.

Texts have the same tokens again and again, so most of a window costs a look-up. Knows nothing about what is computed.
"""

import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

# Tokens whose rows are kept, 40 MB of them at 1,280 numbers each.
_KEPT = 1 << 13


class TokenRows:
    """Keeps tokens' rows. Safe to share between threads.

    Parameters
    ----------
    compute
        Gives the rows of tokens, (T,) to (T, width), each by its own token alone.
    vocabulary
        How many tokens there are.
    """

    def __init__(
        self,
        compute: Callable[[NDArray[np.int64]], NDArray[np.float32]],
        vocabulary: int,
        *,
        kept: int = _KEPT,
    ) -> None:
        self._compute = compute
        self._most = kept
        # Where each token's row is; negative where it is not kept.
        self._places = np.full(vocabulary, -1, np.int32)
        self._rows = np.empty((0, 0), np.float32)
        self._count = 0
        self._lock = threading.Lock()

    def of(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """The rows of tokens, (T,) to (T, width)."""
        with self._lock:
            places = self._places[ids]
            if not (places < 0).any():
                return self._rows.take(places, axis=0)
            new = np.unique(ids[places < 0])
            if self._count + len(new) > self._most:
                self._places[:] = -1
                self._count = 0
                new = np.unique(ids)
            # One row by itself may be computed in another way than one of several, with other last digits.
            rows = self._compute(new if len(new) > 1 else new.repeat(2))[: len(new)]
            if len(new) > self._most:
                return rows[new.searchsorted(ids)]
            self._keep(new, rows)
            return self._rows.take(self._places[ids], axis=0)

    def _keep(self, ids: NDArray[np.int64], rows: NDArray[np.float32]) -> None:
        if not len(self._rows):
            self._rows = np.empty((self._most, rows.shape[1]), np.float32)
        end = self._count + len(ids)
        self._rows[self._count : end] = rows
        self._places[ids] = np.arange(self._count, end)
        self._count = end
