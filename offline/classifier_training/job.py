"""The job behind `lethe classifier train`: from sources of prompts to a bundle and a report."""

from collections.abc import Sequence
from pathlib import Path

from lethe.bundle import Bundle, check_target_name
from lethe.classifier.encoders.loading import load_encoder
from lethe.classifier.head import head_folder, load_head
from lethe.offline.classifier_training.answer_examples import QuestionAnswer
from lethe.offline.classifier_training.answers import check_answers, train_answers
from lethe.offline.classifier_training.examples import Example, load_examples
from lethe.offline.classifier_training.general_prompts import general_examples
from lethe.offline.classifier_training.report import write_training_report
from lethe.offline.classifier_training.settings import ClassifierJob
from lethe.offline.classifier_training.train import train_classifier
from lethe.offline.data.files import read_objects, read_text
from lethe.offline.progress import Progress


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
        There are too few prompts or answers, or a prompt is to be forgotten and kept.
    ClassifierError, BundleError, CorruptionError
        As their messages say.
    """
    if not job.output.exists():
        # A new bundle is named as its folder is.
        check_target_name(job.output.name)
    answers, near_answers = (
        [answer for path in paths for answer in read_objects(path, QuestionAnswer)]
        for paths in (job.answers, job.near_answers)
    )
    check_answers(answers, near_answers)
    general = _load(job.general, job.fields) if job.general else general_examples()
    forget, retain = _load(job.forget, job.fields), _load(job.retain, job.fields)
    settings = _with_entities(job)
    trained = train_classifier(job.target, forget, retain, general, settings, work, progress)
    write_training_report(trained, job.report, job.output)
    bundle = trained.write_bundle(job.output)
    if not answers:
        return bundle
    head = load_head(head_folder(bundle))
    encoder = load_encoder(str(trained.encoder_folder or job.encoder), precision=job.precision)
    prompts = [example.text for example in general]
    return train_answers(
        head, encoder, answers, near_answers, prompts, settings, work, progress
    ).write_bundle(job.output)


def _with_entities(job: ClassifierJob) -> ClassifierJob:
    if job.entities is None:
        return job
    names = [line.strip() for line in read_text(job.entities).splitlines()]
    return job.model_copy(update={"entity_names": tuple(name for name in names if name)})


def _load(sources: Sequence[str], fields: Sequence[str]) -> list[Example]:
    return [example for source in sources for example in load_examples(source, fields)]
