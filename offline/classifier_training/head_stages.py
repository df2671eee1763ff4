"""The stages of a training in which heads are fitted: rounds over ordinary text, folds, the head itself, one on all prompts."""

import dataclasses
import random
from collections.abc import Callable

from lethe.classifier.head import Head
from lethe.classifier.questions import QuestionWeights
from lethe.offline.classifier_training.cross_fitting import (
    KeptScores,
    ScoreForms,
    cross_fitted_scores,
    score_kept_groups,
)
from lethe.offline.classifier_training.embeddings import EmbeddingStore
from lethe.offline.classifier_training.example_set import ExampleSet, SplitExamples
from lethe.offline.classifier_training.finished_stages import FinishedStages
from lethe.offline.classifier_training.fitting import FittedHead
from lethe.offline.classifier_training.head_fitting import HeadFitter, OrdinaryText
from lethe.offline.classifier_training.held_out import score_kept, scorer_of
from lethe.offline.classifier_training.names import entities_of
from lethe.offline.classifier_training.ordinary_blocks import stretches
from lethe.offline.classifier_training.ordinary_reading import OrdinaryReading
from lethe.offline.classifier_training.ordinary_scan import scan
from lethe.offline.classifier_training.settings import TrainingSettings
from lethe.offline.progress import Progress

# The score, in log-odds, from which ordinary text that a head scans is learned from.
_ALARM_FROM = -1.0


class HeadStages:
    """Fits the heads of one training; what an interrupted one had fitted is taken from its finished stages.

    Parameters
    ----------
    examples
        All of them.
    parts
        The same by the parts of the split.
    """

    def __init__(
        self,
        target: str,
        examples: ExampleSet,
        parts: SplitExamples,
        store: EmbeddingStore,
        reading: OrdinaryReading,
        settings: TrainingSettings,
        finished: FinishedStages,
        progress: Progress,
    ) -> None:
        self._target = target
        self._examples = examples
        self._parts = parts
        self._encoder = store.encoder
        self._reading = reading
        self._settings = settings
        self._finished = finished
        self._progress = progress
        self._fitter = HeadFitter(store, settings, reading.names)
        self._ordinary = OrdinaryText()
        # What the last round over ordinary text fitted, if nothing in it alarmed.
        self._unalarmed: FittedHead | None = None

    def embed(self, folds: int) -> None:
        """Embed what all fits will read."""
        self._progress.begin("embedding the windows of all prompts, and random sentences")
        sets = [self._parts.train]
        if folds:
            sets.append(self._parts.known)
        if self._settings.refit:
            sets.append(self._examples)
        self._fitter.embed(sets, self._progress.advance)

    def hold_back(self, most: int) -> None:
        """Embed at most so many stretches of ordinary text that a first tier cannot clear; every fit learns from them."""
        self._progress.begin("embedding ordinary text that the first tier cannot clear")
        seen = stretches([block.text for block in self._reading.background])
        seen = random.Random(self._settings.seed).sample(seen, min(most, len(seen)))
        self._ordinary = self._fitter.hold_back(self._parts.train, seen, self._progress.advance)

    def scan_ordinary_text(self) -> None:
        """Have a head scan new ordinary text in rounds; what it takes for the target, every later fit learns from."""
        fitted: FittedHead | None = None
        rounds = self._reading.to_scan
        for number, blocks in enumerate(rounds, 1):
            self._progress.begin(f"scanning ordinary text, round {number} of {len(rounds)}")
            # One that nothing alarmed would be fitted again as it is.
            fitted = fitted or self._fitted(f"scan-{number}", self._parts.train)
            scanned = scan(
                scorer_of(self._encoder, self._head(fitted, self._parts.train), first_tier=True),
                blocks,
                _ALARM_FROM,
                self._progress.advance,
            )
            found = {alarm: None for block in scanned for alarm in block.alarms}
            self._progress.say(
                f"{len(found):,} windows and sentences in {sum(bool(each.alarms) for each in scanned):,} "
                f"of {len(scanned):,} blocks look like the target; they join what is to be kept"
            )
            if found:
                self._ordinary = dataclasses.replace(self._ordinary, alarms=[*self._ordinary.alarms, *found])
                fitted = None
        self._unalarmed = fitted

    def head(self) -> Head:
        """Fit a head on the training part."""
        self._progress.begin("fitting a head on the training part")
        fitted = self._unalarmed or self._fitted("head", self._parts.train)
        return self._head(fitted, self._parts.train)

    def cross_fitted(self, folds: int) -> KeptScores:
        """Score all that is to be kept by heads that were not fitted on it, and without the first tier."""
        ungated = dataclasses.replace(self._ordinary, background=())

        def run_fold(number: int, score: Callable[[], KeptScores]) -> KeptScores:
            self._progress.begin(f"fold {number} of {folds}, scored by a head that is fitted without it")
            return self._finished.scores(f"fold-{number}", score)

        return cross_fitted_scores(
            self._parts.known,
            lambda part: self._scores_by(self._head(self._fit(part, ungated), part)),
            folds,
            self._settings.seed,
            run_fold,
            self._progress.advance,
        )

    def scores_of_calibration(self, head: Head) -> KeptScores:
        """Score what is to be kept of the calibration part by a head."""
        return score_kept_groups(
            self._scores_by(head), self._parts.calibration, self._settings.seed, self._progress.advance
        )

    def refitted(self) -> Head:
        """Fit a head on all prompts."""
        self._progress.begin("fitting a head on all prompts")
        return self._head(self._fitted("refitted", self._examples), self._examples)

    def questions(self, examples: ExampleSet) -> QuestionWeights | None:
        """Fit what judges questions by their embedding alone, which flags from 0 on; None where prompts are no questions."""
        self._progress.advance(0, note="fitting what judges questions")
        return self._fitter.questions(examples, self._ordinary)

    def _fitted(self, stage: str, examples: ExampleSet) -> FittedHead:
        return self._finished.head(stage, self._reading.names, lambda: self._fit(examples, self._ordinary))

    def _fit(self, examples: ExampleSet, ordinary: OrdinaryText) -> FittedHead:
        return self._fitter.fit(examples, lambda step: self._progress.advance(0, note=step), ordinary)

    def _scores_by(self, head: Head) -> ScoreForms:
        scorer = scorer_of(self._encoder, head, first_tier=False)
        return lambda example: score_kept(scorer, example, self._settings.seed)

    def _head(self, fitted: FittedHead, examples: ExampleSet) -> Head:
        """A head that is not calibrated yet."""
        return Head(
            target=self._target,
            encoder_id=self._encoder.id,
            encoder_sha256=self._encoder.sha256,
            direction=fitted.direction,
            bias=fitted.bias,
            bag=fitted.bag,
            gate_direction=fitted.gate_direction,
            gate_bias=fitted.gate_bias,
            pass_below=fitted.pass_below,
            lexical_below=fitted.lexical_below,
            names=fitted.names,
            passed_probability=0.0,
            threshold=0.5,
            entities=self._settings.entity_names or entities_of(*examples.texts(), self._encoder.words),
        )
