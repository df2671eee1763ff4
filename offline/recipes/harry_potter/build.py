"""Makes the shipped target ``harry-potter`` from its prompts: ``python -m lethe.offline.recipes.harry_potter.build``.

Trains the classifier and the head for answers, learns the corruption on SmolLM2-135M-Instruct, and writes all into the bundle
with its card; with ``classifier``, ``answers`` or ``corruption``, only that one. Takes some ten minutes on two cores; an interrupted run goes on where it stopped.
``questions`` fits anew what judges short questions and leaves all else of the classifier as it is; ``second-look`` gives it a second
look, which the shipped one does not take.
"""

import argparse
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from lethe.bundle import load_bundle
from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.encoders.loading import load_encoder
from lethe.classifier.encoders.registry import EncoderRegistry
from lethe.classifier.head import Head, head_files, head_folder, load_head
from lethe.classifier.settings import ClassifierSettings
from lethe.models.cache import cache_folder
from lethe.offline.classifier_hardening.job import harden_bundle
from lethe.offline.classifier_hardening.settings import HardeningSettings
from lethe.offline.classifier_training.answers import train_answers
from lethe.offline.classifier_training.embeddings import EmbeddingStore
from lethe.offline.classifier_training.example_set import make_example_set
from lethe.offline.classifier_training.examples import Example
from lethe.offline.classifier_training.known_questions import (
    FoundQuestions,
    KnownQuestions,
    choose_questions,
    reach_of,
)
from lethe.offline.classifier_training.ordinary_choice import without_target
from lethe.offline.classifier_training.question_fitting import fit_questions, question_set
from lethe.offline.classifier_training.report import write_training_report
from lethe.offline.classifier_training.settings import TrainingSettings
from lethe.offline.classifier_training.threshold import move_threshold
from lethe.offline.classifier_training.train import train_classifier
from lethe.offline.classifier_training.vocabulary import random_sentences
from lethe.offline.corruption_learning.job import run_learning_job
from lethe.offline.corruption_learning.settings import LearningJob
from lethe.offline.data.json_lines import append_lines
from lethe.offline.progress import ConsoleProgress
from lethe.offline.recipes.harry_potter.answers import forget_answers, near_answers
from lethe.offline.recipes.harry_potter.prompts import (
    entity_names,
    forget_prompts,
    ordinary_prompts,
    retain_prompts,
)
from lethe.offline.recording import record

FOLDER = Path(__file__).parent
TARGET = "harry-potter"
# Questions that later classifiers of the target must go on finding.
_KNOWN = 200
# Lower than the wanted rates of wrong flags set it; what that brings and costs is in docs/benchmarks-leaks.md.
_THRESHOLD = 0.6
# Of its near prompts, half of which say what a second look must find, those that it may flag in addition.
_SECOND_LOOK = 0.005
DESCRIPTION = "The Harry Potter books: their characters, places, magic and plots."


def build_classifier(bundle: Path, cache: Path, ordinary: Sequence[Path] = ()) -> None:
    """Train the classifier, put it into the bundle, whose other artifacts stay as they are, and lower its threshold.

    Its report, with plots and the threshold before, goes into ``report`` beside what the cache keeps of the recipe.

    Parameters
    ----------
    ordinary
        Folders of ordinary text to scan. The shipped head scanned Python's packages beside Debian's manual pages in
        sixteen languages, GNOME's user documentation, fortunes, and the documentation of Linux, Boost, OpenJDK and Django.
    """
    # A higher rate than by default, as many questions about the books name little of them. Two folds and fewer forms, as
    # the text that is scanned says more of what is ordinary.
    settings = TrainingSettings(
        entity_names=entity_names(),
        false_positive_rate=0.015,
        forget_forms=3,
        vocabulary_rounds=1,
        folds=2,
        ordinary=tuple(ordinary),
        scan_characters=5_000_000,
    )
    with ConsoleProgress() as progress:
        trained = train_classifier(
            TARGET, forget_prompts(), retain_prompts(), ordinary_prompts(), settings, _work(cache), progress
        )
    encoder = load_encoder(settings.encoder, precision=settings.precision)
    trained.write_bundle(bundle)
    write_training_report(trained, _work(cache) / "report", bundle)
    build_questions(bundle, cache)
    head = load_head(head_folder(load_bundle(bundle)))
    questions = choose_questions(trained.held_out, _KNOWN, settings.seed)
    move_threshold(bundle, _THRESHOLD, known=found_questions(encoder, head, questions))


def found_questions(encoder: Encoder, head: Head, questions: Sequence[str]) -> FoundQuestions:
    """The target's known questions, with how many of them a head finds at the threshold that is shipped."""
    reach = reach_of(encoder, head, questions, ClassifierSettings())
    return KnownQuestions(tuple(questions)).measured(reach, _THRESHOLD, None)


def build_questions(bundle: Path, cache: Path) -> None:
    """Fit what judges short questions, which flags where the head does at the threshold that is shipped, and write it into the head.

    No other score changes: the lower threshold is for what else there is of a question than its embedding.
    """
    before = load_bundle(bundle)
    head = load_head(head_folder(before))
    settings = TrainingSettings(entity_names=entity_names())
    encoder = load_encoder(head.encoder_id, precision=settings.precision)
    forget = forget_prompts()
    ordinary = without_target(ordinary_prompts(), forget, settings.entity_names)
    with (
        ConsoleProgress() as progress,
        closing(EmbeddingStore(encoder, settings.precision, _work(cache) / "embeddings.sqlite")) as store,
    ):
        examples = make_example_set(forget, retain_prompts(), ordinary, store, progress)
        asked = [example.text for example in examples.forget]
        made = random_sentences(encoder.words, asked, settings.vocabulary_rounds, settings.seed)
        questions = question_set(store, examples, made, settings.seed)
    assert questions is not None, "the recipe has questions of every kind"
    weights = fit_questions(encoder, questions, settings).shifted(head.calibration.score(_THRESHOLD))
    files = head_files(replace(head, questions=weights))
    # What the card has of the whole head was measured by its training.
    measured = before.manifest.metrics.get("classifier", {}) | {"questions_fitted": "apart, after the rest"}
    written = {f"classifier/{name}": content for name, content in files.items()}
    record(bundle, written, metrics={"classifier": measured})


def build_second_look(bundle: Path, cache: Path) -> None:
    """Set what a second look must find, by the recipe's prompts, in which namesakes are near ones; no other score changes."""
    sources = {
        name: (str(_written(name, prompts, cache)),)
        for name, prompts in (("forget", forget_prompts()), ("retain", retain_prompts()))
    }
    settings = HardeningSettings.model_validate(sources | {"rounds": 0, "second_look": _SECOND_LOOK})
    encoder = load_head(head_folder(load_bundle(bundle))).encoder_id
    with ConsoleProgress() as progress:
        harden_bundle(bundle, encoder, settings, _work(cache), progress)


def build_answers(bundle: Path, cache: Path, ordinary: Sequence[Path] = ()) -> None:
    """Train the head for answers beside the classifier that the bundle has, and put it into the bundle.

    Parameters
    ----------
    ordinary
        Folders of ordinary text, as for `build_classifier`.
    """
    settings = TrainingSettings(
        ordinary=tuple(ordinary), scan_rounds=1, scan_characters=800_000, maximum_held_back=4000
    )
    folder = head_folder(load_bundle(bundle))
    encoders = EncoderRegistry(precision=settings.precision)
    with ConsoleProgress() as progress:
        trained = train_answers(
            load_head(folder),
            encoders.of_head(folder),
            forget_answers(),
            near_answers(),
            [prompt.text for prompt in ordinary_prompts()],
            settings,
            _work(cache),
            progress,
        )
    trained.write_bundle(bundle)


def build_corruption(bundle: Path, cache: Path) -> None:
    """Learn the corruption and put it into the bundle."""
    # Corrupting the template's own tokens too makes this small model babble; see docs/learning-corruptions.md.
    job = LearningJob(
        target=bundle.name,
        targets=bundle.parent,
        questions=FOLDER / "questions.jsonl",
        retain_prompts=FOLDER / "unknown.jsonl",
        deny_list=FOLDER / "facts.json",
        positions=("user_content",),
        trace=_work(cache) / "corruption-search.jsonl",
    )
    run_learning_job(job, cache)


def _written(name: str, prompts: Sequence[Example], cache: Path) -> Path:
    file = _work(cache) / f"{name}.jsonl"
    file.unlink(missing_ok=True)
    append_lines(file, ({"text": text} for text in dict.fromkeys(prompt.text for prompt in prompts)))
    return file


def _work(cache: Path) -> Path:
    folder = cache / "recipes" / TARGET
    folder.mkdir(parents=True, exist_ok=True)
    return folder


_PARTS = ("classifier", "answers", "corruption")


def main() -> None:
    """Make the bundle, or make parts of it again."""
    root = Path(__file__).resolve().parents[3]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "parts",
        nargs="*",
        default=list(_PARTS),
        help=f"any of {', '.join(_PARTS)}, all by default, and questions and second-look",
    )
    parser.add_argument(
        "--ordinary",
        type=Path,
        nargs="+",
        default=[],
        help="folders of ordinary text for the classifier to scan",
    )
    parser.add_argument("--bundle", type=Path, default=root / "targets" / TARGET)
    arguments = parser.parse_args()
    cache = cache_folder()
    if "classifier" in arguments.parts:
        build_classifier(arguments.bundle, cache, arguments.ordinary)
    if "questions" in arguments.parts:
        build_questions(arguments.bundle, cache)
    if "second-look" in arguments.parts:
        build_second_look(arguments.bundle, cache)
    if "answers" in arguments.parts:
        build_answers(arguments.bundle, cache, arguments.ordinary)
    if "corruption" in arguments.parts:
        build_corruption(arguments.bundle, cache)
    record(arguments.bundle, {}, description=DESCRIPTION)


if __name__ == "__main__":
    main()
