"""Keys that tell apart stretches of a prompt by what its corruption puts in their rows.

A prefix cache names a block of tokens by its token ids and all that came before. Where rows are corrupted that is not
enough: the same tokens stand for other embeddings. A key says which ones. Knows nothing of engines.
"""

import hashlib
import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lethe.corruption.artifact import Corruption
from lethe.corruption.plan import Plan

_CHANGE = np.dtype([("row", "<i8"), ("site", "<i8"), ("corruption", "V32")])


class BlockKeys:
    """The keys of one corrupted prompt's blocks.

    Parameters
    ----------
    plan
        What happens to the prompt's embeddings.
    token_ids
        The prompt.
    """

    def __init__(self, plan: Plan, token_ids: Sequence[int]):
        tokens = np.asarray(token_ids, dtype="<i8")
        self._changes = _changes(plan)
        changes_of = np.bincount(self._changes["row"], minlength=len(tokens))
        standing = tokens[plan.sources]
        # A token that was moved to where an equal one stood leaves that row as it was.
        differing = (standing != tokens[plan.touched]) | (changes_of[plan.touched] > 0)
        self._rows = plan.touched[differing].astype("<i8")
        self._standing = standing[differing]
        self._rows_before = _sums(np.bincount(self._rows, minlength=len(tokens)))
        self._changes_before = _sums(changes_of)

    def key(self, start: int, end: int) -> str | None:
        """Give the key of the positions [start, end).

        Returns
        -------
        str | None
            None where every row is the clean one. Otherwise a digest of the rows that are not: their positions, the
            tokens whose embeddings stand there, and all that is done to these, in order. Keys of the same stretch
            are equal if and only if all of that is.
        """
        last = len(self._rows_before) - 1
        start, end = min(start, last), min(end, last)
        low, high = self._rows_before[start], self._rows_before[end]
        if low == high:
            return None
        digest = hashlib.sha256(struct.pack("<q", high - low))
        digest.update(self._rows[low:high].tobytes())
        digest.update(self._standing[low:high].tobytes())
        digest.update(self._changes[self._changes_before[start] : self._changes_before[end]].tobytes())
        return digest.hexdigest()


def whole_prompt_digest(corruption: str, token_ids: Sequence[int]) -> str:
    """Digest of a corruption, in whatever text, and of every token of the prompt that it is for."""
    digest = hashlib.sha256(struct.pack("<q", len(token_ids)))
    digest.update(np.asarray(token_ids, dtype="<i8").tobytes())
    digest.update(corruption.encode(errors="surrogatepass"))
    return digest.hexdigest()


def _changes(plan: Plan) -> NDArray[np.void]:
    """All row changes of a plan, by row; those of one row in the order in which they are made."""
    parts = [np.empty(0, _CHANGE)]
    for stage in plan.stages:
        part = np.empty(len(stage.rows), _CHANGE)
        part["row"] = stage.rows
        part["site"] = stage.sites
        part["corruption"] = np.void(_digest(stage.corruption))
        parts.append(part)
    changes = np.concatenate(parts)
    return changes if len(plan.stages) <= 1 else changes[np.argsort(changes["row"], kind="stable")]


def _sums(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sum of all counts before each index, and one past the last."""
    return np.concatenate([[0], np.cumsum(counts)])


def _digest(corruption: Corruption) -> bytes:
    """Digest of everything in a corruption that determines what it makes of a row."""
    digest = hashlib.sha256(corruption.function.encode())
    digest.update(struct.pack("<xdqQ", corruption.strength, corruption.dims, corruption.seed))
    if corruption.vector is not None:
        digest.update(np.asarray(corruption.vector, dtype="<f4").tobytes())
    return digest.digest()
