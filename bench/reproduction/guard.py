"""What ECO puts before a model: a bundle whose corruption is learned and whose classifier is trained."""

from collections.abc import Sequence
from pathlib import Path

from bench.reproduction.command import Say
from lethe.bundle import load_bundle, read_base_model
from lethe.bundle.manifest import MANIFEST_NAME
from lethe.offline.classifier_training.examples import Example
from lethe.offline.classifier_training.general_prompts import general_prompts
from lethe.offline.classifier_training.settings import TrainingSettings
from lethe.offline.classifier_training.train import train_classifier
from lethe.offline.corruption_learning.evaluator import CorruptionEvaluator
from lethe.offline.corruption_learning.learn import learn_corruption
from lethe.offline.corruption_learning.recording import record_corruption
from lethe.offline.corruption_learning.settings import LearningSettings
from lethe.offline.progress import Progress

_GENERAL_PROMPTS = 1000


def learn_into(
    bundle: Path,
    settings: LearningSettings,
    evaluator: CorruptionEvaluator,
    model: Path,
    trace: Path,
    say: Say,
) -> Path:
    """Learn the corruption of a bundle.

    Parameters
    ----------
    bundle
        Its folder; made if it is not there.
    model
        Folder of the model that is measured; the bundle names it as its base model.
    trace
        Record of the search.
    say
        Told how many candidates are measured.
    """
    learned = learn_corruption(
        settings,
        evaluator,
        trace=trace,
        on_measured=lambda count: say(f"{bundle.name}: {count} candidates measured"),
    )
    record_corruption(learned, bundle, model.name, read_base_model(model, model.name))
    return bundle


def train_classifier_into(
    bundle: Path, forget: Sequence[str], retain: Sequence[str], ordinary: Sequence[str], work: Path, say: Say
) -> Path:
    """Train the classifier of a bundle.

    Parameters
    ----------
    forget, retain
        Prompts to flag, and prompts near them that are not to be flagged.
    ordinary
        Prompts far from the target, beside the general ones that come with the project.
    work
        Where embeddings are kept.
    say
        Told what happens.
    """
    trained = train_classifier(
        bundle.name,
        [Example(text) for text in forget],
        [Example(text) for text in retain],
        [Example(text) for text in (*ordinary, *general_prompts(limit=_GENERAL_PROMPTS))],
        TrainingSettings(),
        work,
        Progress(say),
    )
    trained.write_bundle(bundle)
    return bundle


def has_corruption(bundle: Path) -> bool:
    """Whether a bundle's corruption is learned."""
    return (bundle / MANIFEST_NAME).is_file() and load_bundle(bundle).can_act


def has_classifier(bundle: Path) -> bool:
    """Whether a bundle's classifier is trained."""
    return (bundle / "classifier").is_dir()
