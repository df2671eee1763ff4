"""Training windows: what the encoder will see of a prompt's forms, each with its label."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from classifier.canonical import canonicalise
from classifier.settings import ClassifierSettings
from classifier.views import read_views
from classifier.windows import split_windows
from offline.classifier_training.augmentation import Variant, augment
from offline.classifier_training.examples import Example

# A window that holds less of a hidden prompt than this is left out, and so is one that holds less of it than of other
# text: they are of neither class. The classifier finds a prompt among other text by its sentences.
_HELD_WHOLE = 0.9
_OWN_SHARE = 0.4
_NONSENSE_EVERY = 5


@dataclass(frozen=True)
class TrainingWindow:
    """A window's text, its label (1 for the target), and the group of the example that it comes from."""

    text: str
    label: int
    group: str


def training_windows(
    examples: Sequence[Example], label: int, forms: int, seed: int, settings: ClassifierSettings
) -> list[TrainingWindow]:
    """The windows of examples of one class, in `forms` other forms each.

    Some speculative readings, nonsense as they are, join the negatives whatever the class.
    """
    windows = [
        TrainingWindow(text, window_label, example.group)
        for example in examples
        for variant in augment(example.text, forms, seed)
        for text, window_label in _windows(variant, label, settings)
    ]
    return windows + [
        TrainingWindow(view.canonical.text[: settings.window_characters], 0, example.group)
        for example in examples[::_NONSENSE_EVERY]
        for view in read_views(example.text).views
        if view.speculative
    ]


def _windows(variant: Variant, label: int, settings: ClassifierSettings) -> Iterator[tuple[str, int]]:
    text = variant.text
    held_wanted = variant.end - variant.start
    for start, end in split_windows(text, settings.window_characters, settings.window_overlap):
        window = canonicalise(text[start:end]).text
        if not window.strip():
            continue
        held = min(end, variant.end) - max(start, variant.start)
        if label == 0 or held <= 0:
            yield window, 0
        elif held >= _OWN_SHARE * (end - start) and held >= _HELD_WHOLE * min(held_wanted, end - start):
            yield window, 1
