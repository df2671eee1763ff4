"""A reading of a text: what it says once a disguise is taken off, and what of that stands in no reading before it."""

from collections.abc import Iterable, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.disguises.shortened_names import SHORTENED
from lethe.classifier.text.aligned_text import AlignedText

# Letters turned, or the text read backwards: most of what results is nonsense.
SPECULATIVE = frozenset({"rot13", "reversed"})
OTHER_SIGNS = "other signs"
LOSSY = frozenset(
    {"signs", "numbered letters", "spoken letters", "paired letters", "initials", "told signs"}
    | {"ordered numbers", "two signs", "cells", "filled", "numbered pieces"}
    | {"drawn letters", "unscrambled", *SHORTENED}
)
_LONGEST_IN_OTHER_SIGNS = 1000
# How far from a change a reading is read anew: the longest sentence, whole.
_REACH = 160


@dataclass(frozen=True)
class Reading:
    """One reading of a text.

    Attributes
    ----------
    way
        How it was read: the name of every step.
    fresh
        Half-open stretches of it that stand in no reading before it.
    """

    way: tuple[str, ...]
    canonical: AlignedText
    fresh: tuple[tuple[int, int], ...] = ()

    @property
    def name(self) -> str:
        """The last step."""
        return self.way[-1]

    @property
    def plain(self) -> bool:
        """Whether it is the text as it stands."""
        return len(self.way) == 1

    @property
    def speculative(self) -> bool:
        """Whether the reading is mostly nonsense, and so must show sense itself."""
        return self.name in SPECULATIVE

    @property
    def lossy(self) -> bool:
        """Whether capitals, marks or some letters were lost with a disguise that ordinary text is hardly ever in."""
        # A page in a language that writes with other signs has words by accident.
        short = len(self.canonical.text) <= _LONGEST_IN_OTHER_SIGNS
        return not LOSSY.isdisjoint(self.way) or (short and OTHER_SIGNS in self.way)


@dataclass(frozen=True)
class Readings:
    """All readings of a text.

    Attributes
    ----------
    complete
        False where the bound stopped the search for more.
    unreadable
        Half-open stretches of the text that are no language in any reading, and long enough to hold a question.
    """

    found: tuple[Reading, ...]
    complete: bool
    unreadable: tuple[tuple[int, int], ...] = ()

    @property
    def kinds(self) -> frozenset[str]:
        """The disguises that were taken off."""
        return frozenset(name for reading in self.found for name in reading.way[1:])


def fresh_stretches(parts: Iterable[str], known: Set[str]) -> tuple[tuple[int, int], ...]:
    """Stretches of parts that are not known, neighbours joined."""
    stretches: list[tuple[int, int]] = []
    place = 0
    for part in parts:
        end = place + len(part)
        if part not in known and not part.isspace():
            start = stretches.pop()[0] if stretches and stretches[-1][1] == place else place
            stretches.append((start, end))
        place = end
    return tuple(stretches)


def near_changes(
    fresh: tuple[tuple[int, int], ...], made: AlignedText, parent: Reading, *, told: bool
) -> tuple[tuple[int, int], ...]:
    """What of a reading's fresh stretches may say something new: what stands near a change, and near one of its parent.

    Parameters
    ----------
    told
        Whether what the parent left alone was read in this way before.
    """
    changes, before = made.replacements, parent.canonical.replacements
    if changes is not None and not changes.backwards:
        fresh = near(fresh, changes.new_starts, changes.new_ends)
    if not told or before is None or before.backwards:
        return fresh
    starts, ends = before.new_starts, before.new_ends
    if changes is None:
        return near(fresh, starts, ends)
    if changes.backwards:
        return near(fresh, changes.source_length - ends[::-1], changes.source_length - starts[::-1])
    return near(fresh, changes.carried(starts), changes.carried(ends))


def near(
    stretches: tuple[tuple[int, int], ...], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> tuple[tuple[int, int], ...]:
    """What of these stretches stands near some changes, whose starts and ends ascend; the rest says what it said before."""
    near: list[tuple[int, int]] = []
    for start, end in stretches:
        first, last = ends.searchsorted(start), starts.searchsorted(end, "right")
        if first >= last:
            continue
        begins = np.maximum(starts[first:last] - _REACH, start)
        finishes = np.minimum(ends[first:last] + _REACH, end)
        (apart,) = (begins[1:] > finishes[:-1]).nonzero()
        near += zip(
            (int(begins[0]), *begins[apart + 1].tolist()),
            (*finishes[apart].tolist(), int(finishes[-1])),
            strict=True,
        )
    return tuple((start, end) for start, end in near if start < end)
