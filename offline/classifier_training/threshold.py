"""Moving the threshold of a classifier that is trained."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lethe.bundle import Bundle, load_bundle
from lethe.classifier.errors import ClassifierError
from lethe.classifier.head import head_files, head_folder, load_head
from lethe.offline.classifier_training.known_questions import FoundQuestions
from lethe.offline.recording import record


def move_threshold(
    folder: Path,
    probability: float,
    origin: Mapping[str, Any] | None = None,
    known: FoundQuestions | None = None,
) -> Bundle:
    """Have a bundle's classifier flag from this probability on, and write the bundle's card anew.

    The card says where the threshold came from, and which version and threshold it took the place of.

    Parameters
    ----------
    origin
        Where it came from; by default somebody named it.
    known
        The known questions that the bundle is to keep, if others than it has or with another floor.

    Raises
    ------
    ClassifierError
        The bundle has no classifier, its head cannot be used, or the probability is not between 0 and 1.
    BundleError, CorruptionError
        As for `record`.
    """
    if not 0 < probability < 1:
        raise ClassifierError(
            f"a threshold of {probability:g} flags everything or nothing; give one between 0 and 1"
        )
    bundle = load_bundle(folder)
    before = load_head(head_folder(bundle))
    head = dataclasses.replace(before, threshold=probability)
    files = {f"classifier/{name}": content for name, content in head_files(head).items()}
    measured = dict(bundle.manifest.metrics.get("classifier", {}))
    measured["threshold_moved"] = {
        **(origin or {"by": "hand"}),
        "from_threshold": before.threshold,
        "from_version": bundle.version,
    }
    if known:
        files |= known.files()
        measured["known"] = known.metrics()
    return record(folder, files, threshold=probability, metrics={"classifier": measured})
