"""The job behind `lethe target build`: from a folder of data to a bundle, making only what is missing."""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lethe.bundle import Bundle, BundleError, load_bundle, update_bundle
from lethe.bundle.files import replace_file
from lethe.classifier.encoders.files import DEFAULT_ENCODER
from lethe.classifier.encoders.loading import load_encoder
from lethe.models.locate import ModelNotFound
from lethe.models.smollm2 import SMOLLM2
from lethe.offline.classifier_training.embeddings import EmbeddingStore
from lethe.offline.classifier_training.job import run_classifier_job
from lethe.offline.classifier_training.settings import ClassifierJob
from lethe.offline.corruption_learning.job import run_learning_job
from lethe.offline.corruption_learning.settings import LearningJob
from lethe.offline.data.files import read_text
from lethe.offline.language_models.interface import LanguageModelError
from lethe.offline.language_models.opening import base_model_of, served_model
from lethe.offline.progress import Progress
from lethe.offline.target_building.checks import (
    DataFinding,
    can_judge_answers,
    can_learn_corruption,
    check_data,
    refuse_unusable,
)
from lethe.offline.target_building.data import WORK, TargetData, write_json_lines
from lethe.offline.target_building.kept import BuiltParts, digest_of
from lethe.offline.target_building.progress import BuildPart, BuildProgress
from lethe.offline.target_building.report import REPORT, keep_outcome, write_build_report
from lethe.offline.target_building.settings import TargetBuild

# What the first classifier leaves out, so that there is one within minutes: random sentences, and ordinary text in bulk.
_FIRST: dict[str, Any] = {
    "vocabulary_rounds": 0,
    "scan_rounds": 0,
    "maximum_ordinary": 500,
    "folds": 2,
    "forget_forms": 2,
    "known_questions": 0,
}


@dataclass(frozen=True)
class _Build:
    """One run: its data and settings, and what was built before."""

    data: TargetData
    settings: TargetBuild
    cache: Path
    built: BuiltParts
    # On an engine, what it serves.
    model: str

    @cached_property
    def embeddings(self) -> str | None:
        """What tells the model from another of its name, as far as that is known here; learning says what is wrong with it.

        Not asked before it is needed: the small model is made by it. None for an engine's: under the name that it serves,
        another model may lie here.
        """
        if self.engine is not None:
            return None
        try:
            base = base_model_of(self.model, self.cache)
        except (LanguageModelError, ModelNotFound):
            return None
        return base and base.embedding_sha256

    @property
    def work(self) -> Path:
        return self.data.folder / WORK

    @property
    def bundle_folder(self) -> Path:
        return self.settings.targets / self.data.name

    @property
    def engine(self) -> str | None:
        return self.settings.engine or self.data.options.engine

    @property
    def prompts(self) -> list[Any]:
        """All that the classifiers are made from."""
        sides = (self.data.forget, self.data.near, self.data.ordinary)
        answers = (self.data.answers, self.data.near_answers) if can_judge_answers(self.data) else ()
        return [
            *([dataclasses.asdict(each) for each in side] for side in sides),
            list(self.data.names),
            *([{"about": self.data.about}] if self.data.about else []),
            *([each.model_dump() for each in side] for side in answers),
            self.training,
        ]

    @property
    def training(self) -> dict[str, Any]:
        """How the classifier is trained, where not by default."""
        return self.data.options.training.model_dump(exclude_unset=True)

    @property
    def learning(self) -> dict[str, Any]:
        """What is searched for the corruption, where not by default."""
        return self.data.options.learning.model_dump(exclude_unset=True)

    @property
    def questions(self) -> list[Any]:
        """All that the corruption is made from."""
        questions = [each.model_dump() for each in self.data.questions]
        template = self.settings.chat_template
        return [
            questions,
            list(self.data.unknown),
            list(self.data.facts),
            self.model,
            self.embeddings,
            self.learning,
            *([read_text(template)] if template else []),
        ]

    @property
    def corrupts(self) -> bool:
        """Whether the bundle has a corruption for the model."""
        bundle = self.bundle
        if bundle is None or not any(each.corruption for each in bundle.models):
            return False
        if self.embeddings is None:
            return True
        made = bundle.made_for(self.embeddings)
        return made is not None and made.corruption is not None

    @property
    def bundle(self) -> Bundle | None:
        return load_bundle(self.bundle_folder) if self.bundle_folder.exists() else None


def build_target(
    data: TargetData,
    settings: TargetBuild,
    cache: Path,
    progress: Progress | None = None,
    on_usable: Callable[[Bundle], object] = lambda _bundle: None,
) -> Bundle:
    """Make of a target's data what is missing of its bundle, and report on it.

    A first classifier is there within minutes; the bundle then observes, while a better one is trained in its place and
    the corruption is learned. An interrupted build goes on where it was.

    Parameters
    ----------
    data
        Of `lethe.offline.target_building.data.read_target_data`.
    cache
        Where models and embeddings are kept, for all targets.
    progress
        Told of parts and stages; by default they are printed, a line each.
    on_usable
        Given the bundle that is there, or the first one that is made, before it has more to act with.

    Raises
    ------
    DataError
        The data are too few or contradict each other.
    TrainingError, LanguageModelError, LearningError, ClassifierError, BundleError, CorruptionError
        As their messages say.
    """
    progress = progress or Progress()
    findings = _checked(data, cache, progress)
    built = BuiltParts(data.folder / WORK / "built.json")
    model = _model(data, settings)
    build = _Build(data, settings, cache, built, model)
    jobs = _missing(build)
    shown = BuildProgress(progress, [_PARTS[job](build) for job in jobs])
    if "first" not in jobs and build.bundle is not None:
        on_usable(build.bundle)
    for job in jobs:
        shown.begin_part()
        match job:
            case "first":
                on_usable(_train(build, shown, first=True))
            case "classifier":
                _train(build, shown, first=False)
            case _:
                _learn(build, shown)
    bundle = build.bundle
    if bundle is None:
        raise BundleError(f"{build.bundle_folder} was removed while it was built")
    if data.options.description and bundle.manifest.description != data.options.description:
        bundle = update_bundle(build.bundle_folder, {}, description=data.options.description)
    write_build_report(data, bundle, findings)
    return bundle


def report_path(data: TargetData) -> Path:
    """Where the report of a build is."""
    return data.folder / REPORT


def _model(data: TargetData, settings: TargetBuild) -> str:
    """The model to learn on; an engine is asked now, so that one that does not answer ends nothing half way."""
    engine = settings.engine or data.options.engine
    if engine is None or not can_learn_corruption(data):
        return settings.model or data.options.model or SMOLLM2
    return settings.served_name or served_model(engine, settings.api_key)


def _checked(data: TargetData, cache: Path, progress: Progress) -> list[DataFinding]:
    # Before the encoder is loaded, which takes seconds.
    refuse_unusable(data.folder, check_data(data))
    progress.say(f"checking the data in {data.folder}")
    findings = check_data(data, _embedded(cache))
    for each in findings:
        progress.say(str(each))
    return findings


def _embedded(cache: Path) -> Any:
    encoder = load_encoder(DEFAULT_ENCODER, precision="int8")
    store = EmbeddingStore(encoder, "int8", cache / "training" / "embeddings.sqlite")
    return store.embed


def _missing(build: _Build) -> list[str]:
    """The parts that are to be made, in order."""
    bundle = build.bundle
    judges = bundle is not None and bundle.classifier is not None
    missing: list[str] = []
    if not judges or not build.built.holds("classifier", build.prompts):
        if not judges:
            missing.append("first")
        missing.append("classifier")
    if can_learn_corruption(build.data) and not (
        build.corrupts and build.built.holds("corruption", build.questions)
    ):
        missing.append("corruption")
    return ["first"] if build.settings.first_only and "first" in missing else missing


def _train(build: _Build, progress: Progress, first: bool) -> Bundle:
    data, work = build.data, build.work
    sources: dict[str, Any] = {
        side: (
            str(write_json_lines(work / f"{side}.jsonl", [dataclasses.asdict(each) for each in examples])),
        )
        for side, examples in (("forget", data.forget), ("retain", data.near), ("general", data.ordinary))
        if examples
    }
    if can_judge_answers(data) and not first:
        for side, answers in (("answers", data.answers), ("near_answers", data.near_answers)):
            sources[side] = (write_json_lines(work / f"{side}.jsonl", answers),)
    job = ClassifierJob(
        target=data.name,
        output=build.bundle_folder,
        report=data.folder / "report" / "classifier",
        **sources,
        **{
            "entity_names": data.names,
            "about_sentences": data.about,
            **build.training,
            **(_FIRST if first else {}),
        },
    )
    bundle = run_classifier_job(job, build.cache / "training", progress)
    build.built.keep("first" if first else "classifier", build.prompts)
    if first:
        progress.say(
            f"{build.bundle_folder} is usable: it observes; what follows makes it better and may be interrupted"
        )
    return bundle


def _learn(build: _Build, progress: Progress) -> None:
    data, settings, work = build.data, build.settings, build.work
    if build.engine is None:
        progress.say(f"making {build.model} ready")
    files: dict[str, Any] = {
        "questions": write_json_lines(work / "questions.jsonl", data.questions),
        "retain_prompts": write_json_lines(work / "unknown.jsonl", [{"text": text} for text in data.unknown]),
    }
    if data.facts:
        files["deny_list"] = work / "facts.json"
        replace_file(files["deny_list"], json.dumps(data.facts, ensure_ascii=False), mode=0o600)
    job = LearningJob(
        target=data.name,
        targets=settings.targets,
        **({"engine": build.engine} if build.engine else {"model": build.model}),
        served_name=settings.served_name,
        tokenizer=settings.tokenizer,
        chat_template=settings.chat_template,
        api_key=settings.api_key,
        # A record belongs to one search.
        trace=work / f"search-{digest_of(build.questions)[:8]}.jsonl",
        **files,
        **build.learning,
    )
    run_learning_job(
        job, build.cache, progress, lambda learned, held_out: keep_outcome(data, learned, held_out)
    )
    build.built.keep("corruption", build.questions)


def _first_part(_build: _Build) -> BuildPart:
    return BuildPart("a first classifier, with which the bundle can observe", (3, 12, 10, 15, 15, 15, 15))


def _classifier_part(build: _Build) -> BuildPart:
    stages = (3, 5, 45, 12, 25, 25, 18, 25, 25, 25, 18, 30, 20)
    return BuildPart(
        "the classifier",
        stages + (60, 30, 30) * can_judge_answers(build.data),
    )


def _corruption_part(build: _Build) -> BuildPart:
    return BuildPart(f"the corruption for {build.model}", (6.0 * len(build.data.questions),))


_PARTS = {"first": _first_part, "classifier": _classifier_part, "corruption": _corruption_part}
