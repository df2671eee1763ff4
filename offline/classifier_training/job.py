"""The job behind `lethe classifier train`: from sources of prompts to a bundle and a report."""

from collections.abc import Sequence
from pathlib import Path

from lethe.bundle import Bundle, check_target_name
from lethe.classifier.encoders.loading import load_encoder
from lethe.classifier.feedback import FeedbackFile
from lethe.classifier.head import head_folder, load_head
from lethe.classifier.settings import ClassifierSettings
from lethe.offline.classifier_training.answer_examples import QuestionAnswer
from lethe.offline.classifier_training.answers import check_answers, train_answers
from lethe.offline.classifier_training.errors import TrainingError
from lethe.offline.classifier_training.examples import Example, load_examples
from lethe.offline.classifier_training.feedback_examples import join_feedback
from lethe.offline.classifier_training.general_prompts import general_examples
from lethe.offline.classifier_training.known_questions import (
    FoundQuestions,
    KnownQuestions,
    choose_questions,
    first_known_questions,
    reach_of,
    read_known_questions,
)
from lethe.offline.classifier_training.report import write_training_report
from lethe.offline.classifier_training.settings import ClassifierJob
from lethe.offline.classifier_training.train import train_classifier
from lethe.offline.classifier_training.trained_classifier import TrainedClassifier
from lethe.offline.data.files import read_lines, read_objects
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
        There are too few prompts or answers, a prompt is to be forgotten and kept, or too few of the bundle's known questions are found:
        then it stays as it is.
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
    said = FeedbackFile(job.feedback, job.target).read() if job.feedback else []
    joined = join_feedback(said, forget, retain, general)
    settings = _with_lines(job)
    trained = train_classifier(job.target, *joined, settings, work, progress, keep_stages=True)
    write_training_report(trained, job.report, job.output)
    fitted_on = {each.text for each in joined[0]} - set(trained.held_out)
    unfitted = [each.text for each in forget if each.text not in fitted_on]
    bundle = trained.write_bundle(job.output, _known_questions(job, trained, unfitted))
    if answers:
        head = load_head(head_folder(bundle))
        encoder = load_encoder(str(trained.encoder_folder or job.encoder), precision=job.precision)
        prompts = [example.text for example in general]
        trained_answers = train_answers(
            head, encoder, answers, near_answers, prompts, settings, work, progress
        )
        bundle = trained_answers.write_bundle(job.output)
    trained.stages.clear()
    return bundle


def _known_questions(
    job: ClassifierJob, trained: TrainedClassifier, unfitted: Sequence[str]
) -> FoundQuestions | None:
    """The questions that the bundle keeps, or is given now, and how many of them the new classifier finds.

    Parameters
    ----------
    unfitted
        Prompts to forget, feedback left out, that no fit but the last has seen. What feedback takes away is among them.

    Raises
    ------
    TrainingError
        Too few.
    """
    known = read_known_questions(job.output) if job.output.exists() else KnownQuestions(())
    if not known.questions and not job.known_questions:
        return None
    encoder = load_encoder(str(trained.encoder_folder or job.encoder), precision=job.precision)
    if not known.questions:
        chosen = choose_questions(unfitted, job.known_questions, job.seed)
        known = first_known_questions(chosen, job.output, encoder, job.floor)
    reach = reach_of(encoder, trained.head, known.questions, ClassifierSettings())
    found = known.measured(reach, trained.head.threshold, job.floor)
    if not found.enough:
        raise TrainingError(
            f"{job.output} stays as it is: of its own, the new classifier finds too little ({found.describe()}); "
            "see what was said of verdicts, or name another share with --floor"
        )
    return found


def _with_lines(job: ClassifierJob) -> ClassifierJob:
    """The job with the names and sentences of its files."""
    files = {"entity_names": job.entities, "about_sentences": job.about}
    return job.model_copy(
        update={setting: tuple(read_lines(path)) for setting, path in files.items() if path is not None}
    )


def _load(sources: Sequence[str], fields: Sequence[str]) -> list[Example]:
    return [example for source in sources for example in load_examples(source, fields)]
