"""A target's known questions: what its classifier must go on finding, whatever it is trained on or calibrated with later.

They are in the bundle, with the share of them that must be found. So neither traffic nor feedback nor a threshold takes
away what was once learned.
"""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lethe.bundle import read_manifest
from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.errors import ClassifierError
from lethe.classifier.head import Head, HeadBank, load_head
from lethe.classifier.scoring import Scorer
from lethe.classifier.settings import ClassifierSettings
from lethe.offline.classifier_training.cores import OnDone, on_all_cores, tell_nobody
from lethe.offline.classifier_training.errors import TrainingError

KNOWN_FILE = "classifier/known.jsonl"
# By how much less may be found later than when the floor is set, where nobody names one.
_MARGIN = 0.05


@dataclass(frozen=True)
class KnownQuestions:
    """Questions, and the share of them that must be found.

    Attributes
    ----------
    floor
        None where none was set yet.
    """

    questions: tuple[str, ...]
    floor: float | None = None

    def measured(self, reach: NDArray[np.float64], threshold: float, floor: float | None) -> "FoundQuestions":
        """How many are found at a threshold, and what must be.

        Parameters
        ----------
        reach
            The highest threshold that finds each, (N,).
        floor
            In place of the one that is set.
        """
        found = int(np.sum(reach >= threshold))
        if floor is None:
            floor = self.floor
        if floor is None:
            floor = max(0.0, round(found / max(len(self.questions), 1) - _MARGIN, 4))
        return FoundQuestions(self.questions, found, floor)


@dataclass(frozen=True)
class FoundQuestions:
    """How many known questions a classifier finds, and the share that it must find."""

    questions: tuple[str, ...]
    found: int
    floor: float

    @property
    def enough(self) -> bool:
        """Whether as many are found as must be."""
        return self.found >= self.floor * len(self.questions) - 1e-9

    def describe(self) -> str:
        """In a few words."""
        return f"{self.found} of {len(self.questions)} known questions are found, and {100 * self.floor:.4g} % must be"

    def files(self) -> dict[str, bytes]:
        """The file that a bundle keeps them in."""
        lines = (json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in self.questions)
        return {KNOWN_FILE: "".join(lines).encode(errors="replace")}

    def metrics(self) -> dict[str, Any]:
        """What the manifest says of them."""
        return {"questions": len(self.questions), "found": self.found, "floor": self.floor}


def read_known_questions(folder: Path) -> KnownQuestions:
    """The known questions of a bundle, whose other files may be damaged; none where it keeps none.

    Raises
    ------
    BundleError
        Its manifest cannot be read.
    TrainingError
        The file is missing or holds something else.
    """
    manifest = read_manifest(folder)
    if KNOWN_FILE not in manifest.files:
        return KnownQuestions(())
    path = folder / KNOWN_FILE
    try:
        questions = tuple(
            str(json.loads(line)["text"]) for line in path.read_text("utf-8").split("\n") if line
        )
    except (OSError, ValueError, KeyError, TypeError):
        raise TrainingError(f"{path} must hold lines of JSON with a text each") from None
    return KnownQuestions(questions, _floor_of(manifest.metrics))


def choose_questions(questions: Sequence[str], count: int, seed: int) -> list[str]:
    """As many as are wanted of some questions, of all kinds that there are, each once."""
    once = list(dict.fromkeys(questions))
    return random.Random(seed).sample(once, min(count, len(once)))


def first_known_questions(
    questions: Sequence[str], folder: Path, encoder: Encoder, floor: float | None
) -> KnownQuestions:
    """The known questions of a bundle that keeps none yet, with a floor by the classifier that it has, if it has one.

    Parameters
    ----------
    encoder
        What the new classifier stands on; one that stands on another is not asked.
    """
    fresh = KnownQuestions(tuple(questions), floor)
    try:
        head = load_head(folder / "classifier")
    except ClassifierError:
        return fresh
    if not questions or floor is not None or head.encoder_sha256 != encoder.sha256:
        return fresh
    reach = reach_of(encoder, head, questions, ClassifierSettings())
    return KnownQuestions(fresh.questions, fresh.measured(reach, head.threshold, None).floor)


def reach_of(
    encoder: Encoder,
    head: Head,
    questions: Sequence[str],
    settings: ClassifierSettings,
    on_done: OnDone = tell_nobody,
) -> NDArray[np.float64]:
    """The highest threshold that flags each of some questions, asked alone, (N,); 0 where none does."""
    scorer = Scorer(encoder, HeadBank([head], encoder), settings)

    def reach(question: str) -> float:
        score = scorer.score_text(question).scores
        enough = np.isfinite(score[0]) and score[0] >= scorer.needed(len(question))[0]
        return float(scorer.probability(score)[0]) if enough else 0.0

    return np.array(list(on_all_cores(reach, list(questions), on_done)), np.float64)


def _floor_of(metrics: Mapping[str, Any]) -> float | None:
    try:
        return float(metrics["classifier"]["known"]["floor"])
    except (KeyError, TypeError, ValueError):
        return None
