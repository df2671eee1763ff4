"""From examples to a fitted head: windows, random sentences, embeddings, the hardest negatives, the fit."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.names import GroupedNames
from lethe.classifier.questions import QuestionWeights
from lethe.offline.classifier_training.cores import OnDone
from lethe.offline.classifier_training.embeddings import EmbeddingStore, Stretch
from lethe.offline.classifier_training.example_set import ExampleSet
from lethe.offline.classifier_training.fact_reading import read_facts
from lethe.offline.classifier_training.fitting import FittedHead, fit_gate, fit_head, token_sums
from lethe.offline.classifier_training.hard_negatives import select_negatives
from lethe.offline.classifier_training.question_fitting import ORDINARY, fit_questions, question_set
from lethe.offline.classifier_training.settings import TrainingSettings
from lethe.offline.classifier_training.vocabulary import random_sentences
from lethe.offline.classifier_training.windows import TrainingWindow, training_windows

# As the hardest of the negatives that are chosen.
_ALARM_WEIGHT = 3.0
# Of the weight of all negatives that are chosen, what those near the target have at the least: where they are few among many,
# they would teach nothing, and yet they say how high a threshold must be.
_NEAR_SHARE = 0.1


@dataclass(frozen=True)
class OrdinaryText:
    """Ordinary text in bulk, as far as it teaches a head.

    Attributes
    ----------
    background
        Stretches of any as token ids, which the first tier is to clear.
    held_back
        Stretches that the first step of a first tier cannot clear.
    alarms
        What heads before this one took for the target.
    """

    background: Sequence[NDArray[np.int64]] = ()
    held_back: Sequence[TrainingWindow] = ()
    alarms: Sequence[TrainingWindow] = ()

    @property
    def windows(self) -> list[TrainingWindow]:
        return [*self.held_back, *self.alarms]

    @property
    def weights(self) -> NDArray[np.float64]:
        return np.array([1.0] * len(self.held_back) + [_ALARM_WEIGHT] * len(self.alarms))


class HeadFitter:
    """Fits heads to sets of examples, on the embeddings of one store."""

    def __init__(self, store: EmbeddingStore, settings: TrainingSettings, names: GroupedNames) -> None:
        self._store = store
        self._names = names
        # Fits see the same windows again and again.
        self._tokens: dict[str, NDArray[np.int64]] = {}
        self._settings = settings

    def embed(self, example_sets: Iterable[ExampleSet], on_embedded: OnDone) -> None:
        """Embed all that heads of these sets, or of parts of them to keep, will be fitted on."""
        windows = {
            window.stretch: None
            for examples in example_sets
            for side in self._windows(examples)[:2]
            for window in side
        }
        self._store.keep(windows, on_embedded)

    def fit(
        self,
        examples: ExampleSet,
        on_step: Callable[[str], None],
        ordinary: OrdinaryText | None = None,
    ) -> FittedHead:
        """Fit a head.

        Parameters
        ----------
        on_step
            Told of each step.
        """
        shown, kept, near = self._windows(examples)
        return self.fit_windows(shown, kept, on_step, ordinary, near=near)

    def fit_windows(
        self,
        shown: Sequence[TrainingWindow],
        kept: Sequence[TrainingWindow],
        on_step: Callable[[str], None],
        ordinary: OrdinaryText | None = None,
        *,
        near: int = 0,
    ) -> FittedHead:
        """Fit a head on windows about the target, and on others, of which the first so many are near it."""
        ordinary = ordinary or OrdinaryText()
        on_step(f"reading {len(shown) + len(kept):,} embeddings")
        shown_embeddings, kept_embeddings = (
            self._store.embed_stretches([window.stretch for window in side]) for side in (shown, kept)
        )
        on_step("choosing the hardest negatives")
        settings = self._settings
        chosen, weights = select_negatives(
            shown_embeddings, kept_embeddings, settings.maximum_negatives, settings.seed
        )
        weights = _near_raised(weights, chosen < near)
        windows = [*shown, *(kept[index] for index in chosen), *ordinary.windows]
        on_step(f"fitting on {len(windows):,} windows")
        encoder = self._store.encoder
        return fit_head(
            encoder,
            [window.text for window in windows],
            [self._ids(window.text) for window in windows],
            np.concatenate(
                [
                    shown_embeddings,
                    kept_embeddings[chosen],
                    self._store.embed_stretches([window.stretch for window in ordinary.windows]),
                ]
            ),
            np.array([window.label for window in windows]),
            np.concatenate([np.ones(len(shown)), weights, ordinary.weights]),
            self._names,
            ordinary.background,
        )

    def questions(self, examples: ExampleSet, ordinary: OrdinaryText) -> QuestionWeights | None:
        """Fit what judges questions by their embedding alone; None where prompts are no questions."""
        settings = self._settings
        made = self._random_sentences([example.text for example in examples.forget])
        held_back = [window.text for window in ordinary.held_back]
        found = question_set(self._store, examples, [*made, *held_back], settings.seed)
        if found is None:
            return None
        asked = [text for text, side in zip(found.texts, found.side, strict=True) if side == ORDINARY]
        facts = read_facts(self._store, settings.about_sentences, self._names, asked)
        return fit_questions(self._store.encoder, found, settings, facts)

    def hold_back(self, examples: ExampleSet, texts: Sequence[str], on_embedded: OnDone) -> OrdinaryText:
        """Sort ordinary text by what the first step of a first tier would make of it, and embed what that cannot clear.

        Parameters
        ----------
        texts
            Stretches as the classifier cuts them.
        """
        shown, kept, _ = self._windows(examples)
        return self.hold_back_of_windows(shown, kept, texts, on_embedded)

    def hold_back_of_windows(
        self,
        shown: Sequence[TrainingWindow],
        kept: Sequence[TrainingWindow],
        texts: Sequence[str],
        on_embedded: OnDone,
    ) -> OrdinaryText:
        """As `hold_back`, by a first tier that knows windows about the target, and others."""
        encoder = self._store.encoder
        kept = random.Random(self._settings.seed).sample(
            kept, min(len(kept), self._settings.maximum_negatives)
        )
        windows = [*shown, *kept]
        background = [encoder.tokenize(text).ids for text in texts]
        gate = fit_gate(
            encoder,
            [self._ids(window.text) for window in windows],
            np.array([window.label for window in windows]),
            np.ones(len(windows)),
            background,
        )
        gated = token_sums(encoder, background) @ gate.direction + gate.bias if background else np.empty(0)
        passing = sorted({texts[int(index)] for index in np.flatnonzero(gated >= gate.pass_below)})
        chosen = random.Random(self._settings.seed).sample(
            passing, min(len(passing), self._settings.maximum_held_back)
        )
        held_back = [TrainingWindow(Stretch.whole(text), 0, text) for text in chosen]
        self._store.keep([window.stretch for window in held_back], on_embedded)
        return OrdinaryText(background, held_back)

    def _ids(self, text: str) -> NDArray[np.int64]:
        if text not in self._tokens:
            self._tokens[text] = self._store.encoder.tokenize(text).ids
        return self._tokens[text]

    def _windows(self, examples: ExampleSet) -> tuple[list[TrainingWindow], list[TrainingWindow], int]:
        """Windows made from what is to be forgotten, and from what is to be kept, of which the first so many are near the target."""
        settings = self._settings
        shown = training_windows(examples.forget, 1, settings.forget_forms, settings.seed)
        near, general = (
            training_windows(side, 0, settings.keep_forms, settings.seed)
            for side in (examples.retain, examples.general)
        )
        made = self._random_sentences([example.text for example in examples.forget])
        others = [TrainingWindow(Stretch.whole(text), 0, text) for text in made]
        return shown, near + general + others, len(near)

    def _random_sentences(self, forgotten: Sequence[str]) -> list[str]:
        settings = self._settings
        return random_sentences(
            self._store.encoder.words, forgotten, settings.vocabulary_rounds, settings.seed
        )


def _near_raised(weights: NDArray[np.float64], near: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The weights of negatives, with those of near ones as large as their share asks for."""
    own, others = weights[near].sum(), weights[~near].sum()
    wanted = _NEAR_SHARE / (1 - _NEAR_SHARE) * others
    return np.where(near, weights * wanted / own, weights) if 0 < own < wanted else weights
