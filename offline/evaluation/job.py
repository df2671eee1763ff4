"""The job behind `lethe evaluate`: one benchmark, several models, one table."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lethe.offline.data.files import DataError
from lethe.offline.evaluation import copyrighted, exposure, general, muse, tofu
from lethe.offline.evaluation.hub import fetch_benchmark
from lethe.offline.evaluation.multiple_choice import evaluate_multiple_choice, load_mmlu, load_wmdp
from lethe.offline.evaluation.plots import plot_results, plot_sweep
from lethe.offline.evaluation.results import Result, write_results
from lethe.offline.language_models.interface import LanguageModel
from lethe.offline.language_models.recorded import RecordedModel
from lethe.offline.progress import Progress

BENCHMARKS = ("tofu", "exposure", "muse", "wmdp", "mmlu", "copyright", "general")


@dataclass(frozen=True)
class EvaluationSettings:
    """What is measured.

    Attributes
    ----------
    benchmark
        One of `BENCHMARKS`.
    data
        Folder of benchmark data; None takes them from the hub.
    forget
        TOFU's forget set.
    corpus
        MUSE's and the copyright benchmark's text: ``news`` or ``books``.
    prompt_format
        Of multiple choice, see `multiple_choice.choice_task`.
    limit
        Most questions of every set, which a subject is too, except the forget set of `tofu` and `exposure`.
    questions, near, holdout
        Of `exposure`, in place of TOFU's: what is to be forgotten, what is near to it, and what no model has learned.
    samples
        Of `exposure`: answers that are drawn to one question.
    cache
        Where what the hub gives is kept.
    """

    benchmark: str
    data: Path | None = None
    forget: str = "forget01"
    corpus: str = "books"
    prompt_format: str = "plain"
    limit: int | None = None
    cache: Path = Path("~/.cache/lethe")
    questions: Path | None = None
    near: Path | None = None
    holdout: Path | None = None
    samples: int = 8


Measure = Callable[[LanguageModel], Result]
Compare = Callable[[Result, Result], Result]


def evaluate(
    settings: EvaluationSettings,
    models: Sequence[LanguageModel],
    destination: Path,
    retain: LanguageModel | None = None,
    sweep: Mapping[float, LanguageModel] | None = None,
    progress: Progress | None = None,
) -> list[Result]:
    """Measure models side by side, and write the table, the figures and the picture.

    What was answered is recorded beside them, so that a run that was interrupted goes on.

    Parameters
    ----------
    models
        The first one is the reference: `general` compares with it, `copyright` and `exposure` judge fluency by it.
    destination
        Folder for ``results.json``, ``results.md`` and ``results.png``.
    retain
        One that never saw the forget part: what forget quality, PrivLeak and the similarity gap are taken against.
    sweep
        The same guard at several strengths; measured too, and drawn against the strength in ``sweep.png``.
    progress
        Told of every model as a stage.

    Raises
    ------
    DataError
        The data are missing or malformed; before anything is measured.
    LanguageModelError
        A model cannot do what the benchmark needs.
    """
    progress = progress or Progress(lambda _line: None)
    sweep = dict(sorted((sweep or {}).items()))
    recorded = _all_recorded([*models, *sweep.values()], destination, progress)
    measure, compare = _benchmark(settings, recorded[0])
    progress.expect(len(recorded) + (retain is not None))

    def measured(model: LanguageModel) -> Result:
        progress.begin(f"measuring {model.name}")
        return measure(model)

    results = [measured(model) for model in recorded]
    # Ordinary prompts are compared with the bare model's answers, whatever else was measured.
    compared_with = results[0]
    if retain is not None:
        result = measured(_recorded(retain, destination, progress))
        results.insert(0, replace(result, model=f"{retain.name} (retain)"))
        compared_with = compared_with if settings.benchmark == "general" else results[0]
    if compare and (retain is not None or settings.benchmark == "general"):
        results = [compare(result, compared_with) for result in results]
    write_results(results, destination)
    plot_results(results, destination / "results.png")
    if sweep:
        plot_sweep(tuple(sweep), results[-len(sweep) :], destination / "sweep.png")
    return results


def _benchmark(settings: EvaluationSettings, first: LanguageModel) -> tuple[Measure, Compare | None]:
    """How one model is measured, and how it is set against another; reads all data."""
    data, limit = settings.data, settings.limit
    if data is not None and not data.is_dir():
        raise DataError(f"{data} is no folder of benchmark data; name one with --data or LETHE_DATA_DIR")
    if settings.benchmark == "tofu":
        questions = tofu.TofuQuestions.load(settings.forget, data, limit)
        return lambda model: tofu.evaluate_tofu(model, questions), tofu.compare_with_retain
    if settings.benchmark == "exposure":
        asked = exposure.ExposureQuestions.load(
            settings.forget,
            data,
            questions=settings.questions,
            near=settings.near,
            holdout=settings.holdout,
            limit=limit,
        )
        sampling = exposure.Sampling(answers=settings.samples)
        return lambda model: exposure.evaluate_exposure(model, asked, first, sampling), None
    if settings.benchmark not in BENCHMARKS:
        raise DataError(f"benchmarks are {', '.join(BENCHMARKS)}, not {settings.benchmark!r}")
    if data is None:
        data = fetch_benchmark(
            settings.benchmark, settings.corpus, settings.cache.expanduser() / "benchmark-data"
        )
    match settings.benchmark:
        case "muse":
            parts = muse.MuseQuestions.load(settings.corpus, data, limit)
            return lambda model: muse.evaluate_muse(model, parts), muse.compare_with_retain
        case "copyright":
            passages = muse.MuseQuestions.load(settings.corpus, data, limit).verbatim
            return (
                lambda model: copyrighted.evaluate_copyright(model, passages, reference=first),
                copyrighted.compare_with_retain,
            )
        case "general":
            prompts = general.load_general(data, limit)
            return lambda model: general.evaluate_general(model, prompts), general.compare_with_bare
        case _:
            choices = load_wmdp(data, limit=limit) if settings.benchmark == "wmdp" else load_mmlu(data, limit)
            return (
                lambda model: evaluate_multiple_choice(
                    model, choices, settings.benchmark, settings.prompt_format
                ),
                None,
            )


def _all_recorded(
    models: Sequence[LanguageModel], destination: Path, progress: Progress
) -> list[RecordedModel]:
    """Each with a record of its own; of several that go by one name, the later ones are numbered."""
    seen: Counter[str] = Counter()
    recorded: list[RecordedModel] = []
    for model in models:
        seen[_file_of(model.name)] += 1
        number = seen[_file_of(model.name)]
        name = f"{model.name} ({number})" if number > 1 else None
        recorded.append(_recorded(model, destination, progress, name))
    return recorded


def _recorded(
    model: LanguageModel, destination: Path, progress: Progress, name: str | None = None
) -> RecordedModel:
    file = destination / "answers" / f"{_file_of(name or model.name)}.jsonl"
    return RecordedModel(model, file, on_answered=progress.advance, name=name)


def _file_of(name: str) -> str:
    return re.sub(r"[^\w.+-]+", "-", name).strip("-")
