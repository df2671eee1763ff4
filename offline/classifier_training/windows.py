"""Training windows: what the encoder will see of a prompt's forms, whole and by sentence, each with its label."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lethe.classifier.text.canonical import canonicalise
from lethe.classifier.text.sentences import split_sentences
from lethe.classifier.text.windows import WINDOW_CHARACTERS, split_windows
from lethe.offline.classifier_training.augmentation import Variant, augment
from lethe.offline.classifier_training.embeddings import Stretch
from lethe.offline.classifier_training.examples import Example
from lethe.offline.classifier_training.nonsense import nonsense_forms

# A stretch that holds less of a hidden prompt than this is left out, and so is one that holds less of it than of other
# text: they are of neither class. The classifier finds a prompt among other text by its sentences.
_HELD_WHOLE = 0.9
_OWN_SHARE = 0.4
_NONSENSE_EVERY = 5
# Sentences of wrappers and passages come again and again; a few of them say all.
_FOREIGN_SENTENCES_KEPT = 0.2


@dataclass(frozen=True)
class TrainingWindow:
    """A stretch of a window, its label (1 for the target), and the group of the example that it comes from."""

    stretch: Stretch
    label: int
    group: str

    @property
    def text(self) -> str:
        return self.stretch.text


def training_windows(examples: Sequence[Example], label: int, forms: int, seed: int) -> list[TrainingWindow]:
    """The windows of examples of one class, in `forms` other forms each, and the sentences of these windows.

    Some nonsense made from them joins the negatives whatever the class.
    """
    windows = [
        TrainingWindow(stretch, stretch_label, example.group)
        for example in examples
        for variant in augment(example.text, forms, seed)
        for stretch, stretch_label in _stretches(variant, label, seed)
    ]
    return windows + [
        TrainingWindow(Stretch.whole(text[:WINDOW_CHARACTERS]), 0, example.group)
        for example in examples
        if _gives_nonsense(example, seed)
        for text in nonsense_forms(example.text, seed, in_pieces=label == 0)
    ]


def _gives_nonsense(example: Example, seed: int) -> bool:
    """Whether an example is one of those; it does not depend on which others there are."""
    return random.Random(f"{seed}:nonsense:{example.text}").randrange(_NONSENSE_EVERY) == 0


def _stretches(variant: Variant, label: int, seed: int) -> Iterator[tuple[Stretch, int]]:
    choice = random.Random(f"{seed}:{variant.text}")
    for start, end in split_windows(variant.text):
        window = canonicalise(variant.text[start:end])
        if not window.text.strip():
            continue
        own = variant.start - start, variant.end - start
        whole_label = _label(own, (0, end - start), label)
        if whole_label is not None:
            yield Stretch.whole(window.text), whole_label
        for first, last in split_sentences(window.text):
            place = window.original_span(first, last)
            sentence_label = _label(own, place, label)
            foreign = _shared(own, place) <= 0
            if sentence_label is None or (foreign and choice.random() >= _FOREIGN_SENTENCES_KEPT):
                continue
            yield Stretch(window.text, first, last), sentence_label
            if foreign or label == 0:
                yield Stretch.whole(window.text[first:last]), 0


def _label(own: tuple[int, int], place: tuple[int, int], label: int) -> int | None:
    """The label of a stretch at `place` where the prompt itself is at `own`; None where it is of neither class."""
    held, length = _shared(own, place), place[1] - place[0]
    if label == 0 or held <= 0:
        return 0
    whole = held >= _HELD_WHOLE * min(own[1] - own[0], length)
    return 1 if whole and held >= _OWN_SHARE * length else None


def _shared(one: tuple[int, int], other: tuple[int, int]) -> int:
    return min(one[1], other[1]) - max(one[0], other[0])
