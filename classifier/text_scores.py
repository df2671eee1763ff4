"""What is known of a text: the scores of its windows, of which the largest count."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.spans import WindowSpan


@dataclass(frozen=True)
class TextScores:
    """What is known of a text.

    Attributes
    ----------
    scores
        (H,) float32, the largest over its windows; -inf where the first tier let everything pass.
    complete
        False where the text has more readings than may be made.
    spans
        By head index, the stretches that carry a positive verdict.
    unreadable
        Half-open stretches that are no language however they are read.
    of_material
        (H,) float32, the scores without what judges questions, where that made a difference.
    """

    scores: NDArray[np.float32]
    complete: bool = True
    spans: dict[int, tuple[WindowSpan, ...]] = field(default_factory=dict)
    unreadable: tuple[tuple[int, int], ...] = ()
    of_material: NDArray[np.float32] | None = None

    @cached_property
    def is_heard(self) -> bool:
        """Whether there is any score: most of what is read is cleared by the first tier."""
        return bool(self.scores.max(initial=-np.inf) > -np.inf)

    @property
    def as_material(self) -> "TextScores":
        """What is known of it where it is not what is asked."""
        if self.of_material is None:
            return self
        return replace(self, scores=self.of_material, of_material=None)


def combine(
    floor: NDArray[np.float32],
    complete: bool,
    windows: list[TextScores],
    unreadable: tuple[tuple[int, int], ...] = (),
) -> TextScores:
    """The scores of a text from those of its windows."""
    scores = floor.copy()
    spans: dict[int, tuple[WindowSpan, ...]] = {}
    for window in windows:
        np.maximum(scores, window.scores, out=scores)
        for index, found in window.spans.items():
            spans[index] = spans.get(index, ()) + found
    of_material = None
    if any(window.of_material is not None for window in windows):
        of_material = floor.copy()
        for window in windows:
            np.maximum(of_material, window.as_material.scores, out=of_material)
    return TextScores(scores, complete, spans, unreadable, of_material)
