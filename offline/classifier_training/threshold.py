"""Moving the threshold of a classifier that is trained."""

import dataclasses
from pathlib import Path

from lethe.bundle import Bundle, load_bundle
from lethe.classifier.errors import ClassifierError
from lethe.classifier.head import head_files, head_folder, load_head
from lethe.offline.recording import record


def move_threshold(folder: Path, probability: float) -> Bundle:
    """Have a bundle's classifier flag from this probability on, and write the bundle's card anew.

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
    head = dataclasses.replace(load_head(head_folder(load_bundle(folder))), threshold=probability)
    files = {f"classifier/{name}": content for name, content in head_files(head).items()}
    return record(folder, files, threshold=probability)
