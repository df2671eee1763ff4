"""Deduplication, and a split in which all wordings of one item stay on one side."""

import hashlib
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from lethe.offline.classifier_training.examples import Example

SplitPart = Literal["train", "calibration", "test"]

# Cosine from which two prompts are taken for wordings of one item.
_NEAR_DUPLICATE = 0.95
_BLOCK = 2048


def deduplicate(examples: Sequence[Example]) -> list[Example]:
    """Drop prompts that differ from an earlier one in case or spacing only."""
    unique: dict[str, Example] = {}
    for example in examples:
        unique.setdefault(" ".join(example.text.lower().split()), example)
    return list(unique.values())


def assign_groups(examples: Sequence[Example], embeddings: NDArray[np.float32]) -> list[Example]:
    """Give every example a group: the one its file names, joined with those of its near duplicates.

    Parameters
    ----------
    embeddings
        (N, dimension) of unit length.
    """
    rows: list[NDArray[np.intp]] = []
    columns: list[NDArray[np.intp]] = []
    for start in range(0, len(examples), _BLOCK):
        close = embeddings[start : start + _BLOCK] @ embeddings.T >= _NEAR_DUPLICATE
        row, column = np.nonzero(close)
        rows.append(row + start)
        columns.append(column)
    by_name: dict[str, int] = {}
    for index, example in enumerate(examples):
        if example.group:
            first = by_name.setdefault(example.group, index)
            rows.append(np.array([index]))
            columns.append(np.array([first]))
    row, column = np.concatenate(rows), np.concatenate(columns)
    links = csr_matrix((np.ones(len(row), bool), (row, column)), shape=(len(examples), len(examples)))
    _, component = connected_components(links, directed=False)
    # Named by content, so that a group keeps its part of the split when other examples come or go.
    smallest: dict[int, str] = {}
    for example, label in zip(examples, component, strict=True):
        smallest[label] = min(smallest.get(label, example.text), example.text)
    return [
        Example(example.text, smallest[label]) for example, label in zip(examples, component, strict=True)
    ]


def part_of(example: Example, seed: int) -> SplitPart:
    """Which part an example belongs to, by a hash of its group: 70 % train, 15 % calibration, 15 % test."""
    digest = hashlib.blake2b(f"{seed}:{example.group or example.text}".encode(), digest_size=8).digest()
    place = int.from_bytes(digest) / 2**64
    return "train" if place < 0.7 else "calibration" if place < 0.85 else "test"
