"""The job behind `lethe corruption learn`: from files and a model's name to a bundle, with progress."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from lethe.bundle import BaseModel, Bundle
from lethe.corruption.artifact import Corruption
from lethe.models.locate import ModelNotFound
from lethe.offline.corruption_learning.embedding_scale import embedding_rms
from lethe.offline.corruption_learning.evaluator import CorruptionEvaluator
from lethe.offline.corruption_learning.learn import LearnedCorruption, learn_corruption
from lethe.offline.corruption_learning.recording import record_corruption
from lethe.offline.corruption_learning.settings import LearningJob
from lethe.offline.data.files import DataError, read_json_list, read_text
from lethe.offline.data.questions import ForgetQuestion, load_prompts, load_questions, refuse_overlap
from lethe.offline.language_models.interface import LanguageModel, LanguageModelError
from lethe.offline.language_models.opening import base_model_of, open_engine, open_local, weights_folder
from lethe.offline.progress import Progress

_HIDES_LITTLE = 0.5


@dataclass(frozen=True)
class Opened:
    """What a search is made on, read and checked.

    Attributes
    ----------
    model
        Who is measured.
    base_model
        Its identity.
    scale
        Root mean square of its embeddings; None where that cannot be known.
    """

    model: LanguageModel
    base_model: BaseModel
    scale: float | None
    questions: tuple[ForgetQuestion, ...]
    retain_prompts: tuple[str, ...]
    deny_list: tuple[str, ...]


def run_learning_job(
    job: LearningJob,
    cache: Path,
    progress: Progress | None = None,
    on_learned: Callable[[LearnedCorruption, Sequence[ForgetQuestion]], None] = lambda _learned, _held_out: (
        None
    ),
) -> Bundle:
    """Learn a corruption and write it into its bundle, beside those for other models.

    Every second question is held out of the search. All that can be wrong with the input is found before the search
    begins.

    Parameters
    ----------
    cache
        Where prepared models are kept.
    progress
        Told of the stages; by default they are printed, a line each.
    on_learned
        Told what was learned, with the questions that were held out, before it is written.

    Raises
    ------
    DataError
        A file is missing, malformed or empty, or the two sides overlap.
    LanguageModelError
        The model cannot be loaded, or the engine cannot be reached or lacks the plugin.
    BundleError, CorruptionError, LearningError, TraceError
        As their messages say.
    """
    progress = progress or Progress()
    opened = open_job(job, cache, progress)
    learned = search(job, opened, progress)
    on_learned(learned, opened.questions[1::2])
    return record_corruption(
        learned, job.bundle, opened.model.name, opened.base_model, {"embedding_rms": opened.scale}
    )


def open_job(job: LearningJob, cache: Path, progress: Progress) -> Opened:
    """Read a job's files and open its model; see `run_learning_job` for errors."""
    questions = load_questions(job.questions)
    if len(questions) < 2:
        raise DataError(f"{job.questions} holds one question; two are the least, one of them to hold out")
    retain_prompts = load_prompts(job.retain_prompts) if job.retain_prompts else ()
    refuse_overlap((question.question for question in questions), retain_prompts)
    deny_list = _load_facts(job.deny_list) if job.deny_list else ()

    progress.at(f"opening {job.engine or job.model}")
    if job.engine:
        connected = open_engine(
            job.engine,
            served_name=job.served_name,
            tokenizer=job.tokenizer,
            api_key=job.api_key,
            chat_template=job.chat_template,
        )
        model: LanguageModel = connected
        source, name = connected.loaded_from, connected.base_model_name
    else:
        model = open_local(job.model, cache, chat_template=job.chat_template)
        source, name = job.model, job.model
    base_model = base_model_of(source, cache, name)
    if base_model is None:
        raise LanguageModelError(
            f"the weights of {model.name} are not on this machine as safetensors, so the bundle could not say which "
            "model its corruption is for; download them here (`hf download`), or learn where they are"
        )
    scale = scale_of_model(source, cache)
    return Opened(model, base_model, scale, questions, retain_prompts, deny_list)


def scale_of_model(model: str, cache: Path) -> float | None:
    """Root mean square of a model's embeddings, where its weights lie on this machine."""
    try:
        folder = weights_folder(model, cache)
    except ModelNotFound:
        return None
    return embedding_rms(folder) if folder else None


def search(
    job: LearningJob, opened: Opened, progress: Progress, first: Sequence[Corruption] = ()
) -> LearnedCorruption:
    """Run the search, and print what it found.

    Parameters
    ----------
    first
        See `learn_corruption`.
    """
    metrics = job.metrics or default_metrics(opened.questions, opened.deny_list)
    template = read_text(job.chat_template) if job.chat_template else ""
    searched, held_out = (
        CorruptionEvaluator(
            opened.model,
            part,
            metrics,
            opened.deny_list,
            job.max_tokens,
            chat=not job.raw,
            template=template,
        )
        for part in (opened.questions[::2], opened.questions[1::2])
    )
    progress.begin(f"searching, record in {job.trace}")
    learned = learn_corruption(
        job,
        searched,
        held_out,
        opened.retain_prompts,
        job.trace,
        lambda count: progress.advance(count, note=f"{count} candidates measured"),
        first,
    )
    Console(stderr=True).print(_table(learned))
    return learned


def default_metrics(questions: tuple[ForgetQuestion, ...], deny_list: tuple[str, ...]) -> tuple[str, ...]:
    """All metrics that the questions carry the data for; multiple choice is judged by its accuracy alone."""
    if all(question.options for question in questions):
        return ("accuracy",)
    metrics = ["probability", "rouge_l", "fluency", "unique_tokens", "form"]
    if all(question.wrong_answers for question in questions):
        metrics.append("truthfulness")
    if deny_list or any(question.facts for question in questions):
        metrics.append("leak_rate")
    return tuple(metrics)


def _load_facts(path: Path) -> tuple[str, ...]:
    facts = read_json_list(path)
    if not all(isinstance(fact, str) and fact.strip() for fact in facts):
        raise DataError(f"{path} must hold a JSON list of words or phrases")
    return tuple(facts)


def _table(learned: LearnedCorruption) -> Table:
    corruption = learned.corruption
    strength = f", strength {corruption.strength:.4g}"
    table = Table(
        title=f"{corruption.function}, {corruption.dims} dims{strength}: D = {learned.distance:.4f}",
        caption=_left(learned.left),
    )
    for column in ("metric", "never learned", "clean", "corrupted", "held out: clean", "corrupted"):
        table.add_column(column, justify="left" if column == "metric" else "right")
    measurements = (learned.clean, learned.corrupted, learned.held_out_clean, learned.held_out_corrupted)
    for name, surrogate in learned.surrogate.items():
        values = [f"{m.values[name]:.3f}" if m else "" for m in measurements]
        table.add_row(name, f"{surrogate:.3f}", *values)
    return table


def _left(share: float | None) -> str:
    if share is None:
        return "The model knows no more of these questions than one that never learned: nothing shows what is hidden."
    said = f"Of what the model knows beyond one that never learned, {share:.0%} is left."
    return (
        f"{said} This hides little: try other functions or more dimensions."
        if share > _HIDES_LITTLE
        else said
    )
