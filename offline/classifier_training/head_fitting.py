"""From examples to a fitted head: windows, random sentences, embeddings, the hardest negatives, the fit."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from lethe.offline.classifier_training.cores import OnDone
from lethe.offline.classifier_training.embeddings import EmbeddingStore, Stretch
from lethe.offline.classifier_training.example_set import ExampleSet
from lethe.offline.classifier_training.fitting import FittedHead, fit_head
from lethe.offline.classifier_training.hard_negatives import select_negatives
from lethe.offline.classifier_training.settings import TrainingSettings
from lethe.offline.classifier_training.vocabulary import random_sentences
from lethe.offline.classifier_training.windows import TrainingWindow, training_windows

# As the hardest of the negatives that are chosen.
_ALARM_WEIGHT = 3.0


class HeadFitter:
    """Fits heads to sets of examples, on the embeddings of one store."""

    def __init__(self, store: EmbeddingStore, settings: TrainingSettings) -> None:
        self._store = store
        self._settings = settings

    def embed(self, example_sets: Iterable[ExampleSet], on_embedded: OnDone) -> None:
        """Embed all that heads of these sets, or of parts of them to keep, will be fitted on."""
        windows = {
            window.stretch: None
            for examples in example_sets
            for side in self._windows(examples)
            for window in side
        }
        self._store.keep(windows, on_embedded)

    def fit(
        self,
        examples: ExampleSet,
        on_step: Callable[[str], None],
        alarms: Sequence[TrainingWindow] = (),
        background: Sequence[NDArray[np.int64]] = (),
    ) -> FittedHead:
        """Fit a head.

        Parameters
        ----------
        on_step
            Told of each step.
        alarms
            Ordinary text that heads before this one took for the target.
        background
            Stretches of any ordinary text as token ids, which the first tier is to clear.
        """
        shown, kept = self._windows(examples)
        on_step(f"reading {len(shown) + len(kept):,} embeddings")
        shown_embeddings, kept_embeddings = (
            self._store.embed_stretches([window.stretch for window in side]) for side in (shown, kept)
        )
        on_step("choosing the hardest negatives")
        settings = self._settings
        chosen, weights = select_negatives(
            shown_embeddings, kept_embeddings, settings.maximum_negatives, settings.seed
        )
        windows = [*shown, *(kept[index] for index in chosen), *alarms]
        on_step(f"fitting on {len(windows):,} windows")
        encoder = self._store.encoder
        return fit_head(
            encoder,
            [encoder.tokenize(window.text).ids for window in windows],
            np.concatenate(
                [
                    shown_embeddings,
                    kept_embeddings[chosen],
                    self._store.embed_stretches([window.stretch for window in alarms]),
                ]
            ),
            np.array([window.label for window in windows]),
            np.concatenate([np.ones(len(shown)), weights, np.full(len(alarms), _ALARM_WEIGHT)]),
            background,
        )

    def _windows(self, examples: ExampleSet) -> tuple[list[TrainingWindow], list[TrainingWindow]]:
        """Windows made from what is to be forgotten, and from what is to be kept."""
        settings = self._settings
        shown = training_windows(examples.forget, 1, settings.forget_forms, settings.seed)
        kept = training_windows(examples.keep, 0, settings.keep_forms, settings.seed)
        forgotten = [example.text for example in examples.forget]
        made = random_sentences(
            self._store.encoder.words, forgotten, settings.vocabulary_rounds, settings.seed
        )
        return shown, kept + [TrainingWindow(Stretch.whole(text), 0, text) for text in made]
