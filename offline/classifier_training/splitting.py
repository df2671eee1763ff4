"""Deduplication, and a split in which all wordings of one item stay on one side."""

import hashlib
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from lethe.offline.classifier_training.examples import Example

SplitPart = Literal["train", "calibration", "test"]

# Cosine from which two prompts are taken for wordings of one item.
_NEAR_DUPLICATE = 0.95
_BLOCK = 2048
# Share of the groups that calibrate, and of those that are tested on.
_HELD_OUT = 0.15


def deduplicate(examples: Sequence[Example]) -> list[Example]:
    """Drop prompts that differ from an earlier one in case or spacing only."""
    unique: dict[str, Example] = {}
    for example in examples:
        unique.setdefault(as_compared(example.text), example)
    return list(unique.values())


def as_compared(text: str) -> str:
    """What two prompts have in common that differ in case or spacing only."""
    return " ".join(text.lower().split())


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


def part_of_side(side: Sequence[Example], part: SplitPart, seed: int) -> list[Example]:
    """The examples of a class that belong to a part, groups by a hash: 70 % train, 15 % calibration, 15 % test.

    Of few groups chance may leave a part none; then, in the hash's order, the last are tested on and those before them
    calibrate, one at least.
    """
    places = {each.group or each.text: _place(each.group or each.text, seed) for each in side}
    parts = {group: _part_at(place) for group, place in places.items()}
    if len(set(parts.values())) < len(get_args(SplitPart)):
        order = sorted(places, key=places.__getitem__)
        held_out = max(1, round(_HELD_OUT * len(order)))
        parts = dict.fromkeys(order, "train")
        parts |= dict.fromkeys(order[-2 * held_out : -held_out], "calibration")
        parts |= dict.fromkeys(order[-held_out:], "test")
    return [each for each in side if parts[each.group or each.text] == part]


def part_of(example: Example, seed: int) -> SplitPart:
    """Which part an example of a class with many groups belongs to."""
    return _part_at(_place(example.group or example.text, seed))


def _place(group: str, seed: int) -> float:
    digest = hashlib.blake2b(f"{seed}:{group}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def _part_at(place: float) -> SplitPart:
    return "train" if place < 1 - 2 * _HELD_OUT else "calibration" if place < 1 - _HELD_OUT else "test"
