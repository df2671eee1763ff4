"""The job behind `lethe classifier calibrate`: a bundle and what is asked of the proxy in, a threshold out."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lethe.bundle import Bundle
from lethe.classifier.encoders.registry import EncoderRegistry
from lethe.classifier.head import head_folder, load_head
from lethe.classifier.settings import ClassifierSettings
from lethe.offline.classifier_calibration.errors import CalibrationError
from lethe.offline.classifier_calibration.page import calibration_page
from lethe.offline.classifier_calibration.rate import check_enough, threshold_at_rate
from lethe.offline.classifier_calibration.requests import ScoredRequest, Traffic, as_requests
from lethe.offline.classifier_calibration.settings import CalibrationSettings
from lethe.offline.classifier_testing.judging import judge_texts
from lethe.offline.classifier_training.examples import load_examples
from lethe.offline.classifier_training.known_questions import (
    FoundQuestions,
    KnownQuestions,
    reach_of,
    read_known_questions,
)
from lethe.offline.classifier_training.threshold import move_threshold
from lethe.offline.metrics.intervals import wilson
from lethe.offline.progress import Progress


@dataclass(frozen=True)
class ThresholdCalibration:
    """A threshold and what it brings.

    Attributes
    ----------
    requests
        What was asked, without what is said to be about the target.
    about
        What is.
    known_reach
        By known question, the highest threshold that finds it.
    """

    target: str
    threshold: float
    before: float
    rate: float
    traffic: Traffic
    requests: Sequence[ScoredRequest]
    about: Sequence[ScoredRequest]
    known: FoundQuestions | None
    known_reach: NDArray[np.float64]

    @property
    def flagged(self) -> int:
        """How many requests it flags."""
        return sum(each.reach >= self.threshold for each in self.requests)

    def page(self, nearest: int) -> str:
        """The threshold, what others would bring, and the requests nearest to it."""
        return calibration_page(
            self.target,
            (self.before, self.threshold),
            self.rate,
            self.traffic,
            self.requests,
            self.about,
            self.known,
            self.known_reach,
            nearest,
        )

    def origin(self) -> dict[str, Any]:
        """What the bundle's card says of where the threshold came from."""
        low, high = wilson(self.flagged, len(self.requests))
        return {
            "by": "calibration",
            "source": self.traffic.origin,
            "day": datetime.now(UTC).date().isoformat(),
            "requests": len(self.requests),
            "flagged": self.flagged,
            "wanted_rate": self.rate,
            "rate_low": round(low, 6),
            "rate_high": round(high, 6),
        }


def calibrate(
    bundle: Bundle,
    traffic: Traffic,
    settings: CalibrationSettings,
    encoder: str,
    classifier: ClassifierSettings,
    progress: Progress,
) -> ThresholdCalibration:
    """Find the threshold at which the wanted share of requests is flagged.

    Parameters
    ----------
    encoder
        A name for `lethe.classifier.encoders.loading.load_encoder`; where the bundle brings its own, that one is taken.
    classifier
        How the classifier is served.

    Raises
    ------
    CalibrationError
        The requests are too few, or nothing says which questions must go on being found.
    DataError
        A file of known questions is missing or malformed.
    ClassifierError
        The bundle has no classifier, or it or its encoder cannot be used.
    """
    folder = head_folder(bundle)
    head = load_head(folder)
    known = _known(bundle, settings)
    if not known.questions and settings.floor != 0:
        raise CalibrationError(
            f"the bundle {bundle.name} keeps no known questions; name files of some with --known, or let the threshold "
            "move whatever is missed with --floor 0"
        )
    texts = [text for request in traffic.texts for text in request]
    # Said before any of them is judged, which may take long.
    asked = [each for each in traffic.texts if not any(text.flag for text in each)]
    check_enough(len(asked) + len(traffic.scored), settings.rate)
    progress.expect(2 + bool(texts))
    progress.begin("loading the classifier")
    if traffic.left_out:
        progress.say(f"{traffic.left_out} are left out")
    loaded = EncoderRegistry(encoder, classifier.precision).of_head(folder)
    judged = asyncio.run(judge_texts(loaded, head, texts, classifier, progress)) if texts else []
    progress.begin(f"asking {len(known.questions)} known questions")
    known_reach = reach_of(loaded, head, known.questions, classifier, progress.advance)
    every = as_requests(traffic, judged)
    requests = [each for each in every if not each.about]
    threshold = threshold_at_rate([each.reach for each in requests], settings.rate, head.passed_probability)
    found = None
    if known.questions:
        # Where no floor is set, it is by what is found now, not by what would be.
        floor = known.measured(known_reach, head.threshold, settings.floor).floor
        found = known.measured(known_reach, threshold, floor)
    return ThresholdCalibration(
        head.target,
        threshold,
        head.threshold,
        settings.rate,
        traffic,
        requests,
        [each for each in every if each.about],
        found,
        known_reach,
    )


def apply_calibration(bundle: Bundle, calibration: ThresholdCalibration) -> Bundle:
    """Move the bundle's threshold.

    Raises
    ------
    CalibrationError
        Too few of the target's known questions would be found.
    BundleError, CorruptionError
        As for `move_threshold`.
    """
    known = calibration.known
    if known and not known.enough:
        raise CalibrationError(
            f"the threshold stays at {calibration.before:.6g}: at {calibration.threshold:.6g} {known.describe()}; allow a "
            "higher --rate, train with what is flagged and not about the target, or name another share with --floor"
        )
    return move_threshold(bundle.folder, calibration.threshold, calibration.origin(), known)


def _known(bundle: Bundle, settings: CalibrationSettings) -> KnownQuestions:
    kept = read_known_questions(bundle.folder)
    if not settings.known:
        return kept
    given = [example.text for source in settings.known for example in load_examples(source)]
    return replace(kept, questions=tuple(dict.fromkeys([*kept.questions, *given])))
