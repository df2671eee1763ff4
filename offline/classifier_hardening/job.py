"""The job behind `lethe classifier harden`: a bundle and its prompts in, the same bundle with a hardened head out."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from lethe.bundle import Bundle, load_bundle
from lethe.classifier.encoders.registry import EncoderRegistry
from lethe.classifier.head import head_files, head_folder, load_head
from lethe.classifier.settings import ClassifierSettings
from lethe.offline.classifier_hardening.harden import HardenedHead, harden
from lethe.offline.classifier_hardening.settings import HardeningSettings
from lethe.offline.classifier_training.errors import TrainingError
from lethe.offline.classifier_training.examples import load_examples
from lethe.offline.classifier_training.general_prompts import general_examples
from lethe.offline.classifier_training.known_questions import reach_of, read_known_questions
from lethe.offline.progress import Progress
from lethe.offline.recording import record


def harden_bundle(
    folder: Path, encoder: str, settings: HardeningSettings, work: Path, progress: Progress
) -> tuple[Bundle, HardenedHead]:
    """Harden a bundle's head for prompts; its head for answers stays as it is.

    Parameters
    ----------
    encoder
        A name for `lethe.classifier.encoders.loading.load_encoder`; where the bundle brings its own, that one is taken.
    work
        Where embeddings are kept.

    Raises
    ------
    DataError
        A source is missing, malformed or empty.
    TrainingError
        There are too few prompts, or too few of the bundle's known questions are found: then it stays as it is.
    ClassifierError, BundleError, CorruptionError
        As their messages say.
    """
    bundle = load_bundle(folder)
    head = load_head(head_folder(bundle))
    precision = ClassifierSettings().precision
    loaded = EncoderRegistry(encoder, precision).of_head(head_folder(bundle))
    general = (
        _texts(settings.general, settings.fields)
        if settings.general
        else [example.text for example in general_examples()]
    )
    forget, retain = _texts(settings.forget, settings.fields), _texts(settings.retain, settings.fields)
    hardened = harden(head, loaded, precision, forget, retain, general, settings, work, progress)
    measured = dict(bundle.manifest.metrics.get("classifier", {}))
    measured["hardened"] = {
        "queries": settings.queries,
        "from_version": bundle.version,
        "rounds": [asdict(each) for each in hardened.rounds],
        "second_look": hardened.head.second_look.numbers if hardened.head.second_look else None,
    }
    files: dict[str, Path | bytes | None] = {
        f"classifier/{name}": content for name, content in head_files(hardened.head).items()
    }
    known = read_known_questions(folder)
    if known.questions:
        reach = reach_of(loaded, hardened.head, known.questions, ClassifierSettings())
        found = known.measured(reach, hardened.head.threshold, None)
        if not found.enough:
            raise TrainingError(f"{folder} stays as it is: {found.describe()}")
        measured["known"] = found.metrics()
    return record(folder, files, metrics={"classifier": measured}), hardened


def rounds_table(hardened: HardenedHead) -> str:
    """What each round was, as Markdown."""
    lines = [
        "| round | attacked | got past | found after it | near flagged | ordinary flagged |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    return "\n".join(
        lines
        + [
            f"| {number} | {each.attacked} | {each.flipped} | {each.found:.1%} | {each.near:.2%} | {each.ordinary:.2%} |"
            for number, each in enumerate(hardened.rounds, start=1)
        ]
    )


def _texts(sources: Sequence[str], fields: Sequence[str]) -> list[str]:
    return [example.text for source in sources for example in load_examples(source, fields)]
