"""What a training comes to, and how it gets into a target's bundle."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lethe.bundle import Action, Bundle, load_bundle, read_manifest
from lethe.classifier.encoders.files import ENCODER_FILES
from lethe.classifier.encoders.registry import OWN_ENCODER
from lethe.classifier.head import Head, head_files, load_head
from lethe.offline.classifier_training.conformal import Threshold
from lethe.offline.classifier_training.finished_stages import FinishedStages
from lethe.offline.classifier_training.held_out import HeldOutScores
from lethe.offline.classifier_training.known_questions import FoundQuestions
from lethe.offline.recording import record


@dataclass(frozen=True)
class TrainedClassifier:
    """A trained head and what was seen on the way; the folder of its own encoder, if it has one.

    Attributes
    ----------
    stages
        Outcomes of the stages on the way, as far as they are still kept.
    held_out
        Prompts to forget of the calibration and the test part.
    """

    head: Head
    threshold: Threshold
    calibration: HeldOutScores
    test: HeldOutScores
    metrics: dict[str, Any]
    stages: FinishedStages
    encoder_folder: Path | None = None
    held_out: tuple[str, ...] = ()

    def write_bundle(self, folder: Path, known: FoundQuestions | None = None) -> Bundle:
        """Put the head into a bundle, whose other artifacts stay as they are; a new one observes until it can do more.

        Parameters
        ----------
        known
            The questions that later classifiers of the bundle must find; those that it has by default.
        """
        kept = read_manifest(folder).metrics.get("classifier", {}) if folder.exists() else {}
        floor = known.metrics() if known else kept.get("known")
        files: dict[str, Path | bytes | None] = {
            f"classifier/{name}": content for name, content in head_files(self.head).items()
        }
        for name in ENCODER_FILES:
            source = self.encoder_folder / name if self.encoder_folder else None
            files[f"classifier/{OWN_ENCODER}/{name}"] = source if source and source.is_file() else None
        files |= _of_another_encoder(folder, self.head.encoder_sha256)
        new: dict[str, Any] = {} if folder.exists() else {"action": Action.OBSERVE}
        return record(
            folder,
            files | (known.files() if known else {}),
            **new,
            threshold=self.head.threshold,
            encoder={"id": self.head.encoder_id, "sha256": self.head.encoder_sha256},
            metrics={"classifier": self.metrics | ({"known": floor} if floor else {})},
        )


def _of_another_encoder(folder: Path, encoder_sha256: str) -> dict[str, Path | bytes | None]:
    """What of a bundle's head for answers is to be removed, since the encoder that it stands on is."""
    if not folder.exists():
        return {}
    bundle = load_bundle(folder)
    head = bundle.answer_classifier
    if head is None or load_head(head).encoder_sha256 == encoder_sha256:
        return {}
    return {name: None for name in bundle.manifest.files if (folder / name).parent == head}
