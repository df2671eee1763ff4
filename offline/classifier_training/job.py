"""The job behind `lethe classifier train`: from sources of prompts to a bundle and a report."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lethe.bundle import Bundle, check_target_name
from lethe.offline.classifier_training.examples import Example, load_examples
from lethe.offline.classifier_training.general_prompts import general_examples
from lethe.offline.classifier_training.report import write_training_report
from lethe.offline.classifier_training.settings import TrainingSettings
from lethe.offline.classifier_training.train import train_classifier
from lethe.offline.data.files import read_text
from lethe.offline.progress import Progress


@dataclass(frozen=True)
class ClassifierJob:
    """What to train a target's classifier on, and where its bundle and its report go.

    Attributes
    ----------
    forget, retain, general
        Sources of prompts, see `load_examples`; without one of ordinary prompts, a set of our own.
    fields
        Which fields of a record hold prompts.
    entities
        Text file of names, one a line; it takes the place of those of the settings.
    """

    target: str
    bundle: Path
    report: Path
    forget: Sequence[str]
    retain: Sequence[str]
    general: Sequence[str] = ()
    fields: Sequence[str] = ()
    entities: Path | None = None
    settings: TrainingSettings = field(default_factory=TrainingSettings)


def run_classifier_job(job: ClassifierJob, work: Path, progress: Progress | None = None) -> Bundle:
    """Train, calibrate and test a classifier, put it into its bundle, and report on it.

    Parameters
    ----------
    work
        Where embeddings and the outcomes of finished stages are kept, so that an interrupted run goes on.
    progress
        Told of the stages; by default they are printed, a line each.

    Raises
    ------
    DataError
        A source is missing, malformed or empty.
    TrainingError
        There are too few prompts, or one is to be forgotten and kept.
    ClassifierError, BundleError, CorruptionError
        As their messages say.
    """
    if not job.bundle.exists():
        # A new bundle is named as its folder is.
        check_target_name(job.bundle.name)
    settings = job.settings
    if job.entities:
        names = [line.strip() for line in read_text(job.entities).splitlines()]
        settings = replace(settings, entities=tuple(name for name in names if name))
    general = _load(job.general, job.fields) if job.general else general_examples()
    forget, retain = _load(job.forget, job.fields), _load(job.retain, job.fields)
    trained = train_classifier(job.target, forget, retain, general, settings, work, progress)
    write_training_report(trained, job.report)
    return trained.write_bundle(job.bundle)


def _load(sources: Sequence[str], fields: Sequence[str]) -> list[Example]:
    return [example for source in sources for example in load_examples(source, fields)]
