"""`lethe evaluate`: benchmarks of unlearning on one or several models, side by side."""

from pathlib import Path
from typing import Annotated

import typer

from lethe.bundle import Action
from lethe.cli.errors import reported
from lethe.cli.long_jobs import long_job
from lethe.cli.running_engine import resolved_engine
from lethe.models.cache import cache_folder


def evaluate(
    benchmark: Annotated[str, typer.Argument(help="tofu, exposure, muse, wmdp, mmlu, copyright or general.")],
    model: Annotated[
        list[str] | None, typer.Option(help="Folder or hub id, run in this process; may be repeated.")
    ] = None,
    engine: Annotated[
        list[str] | None,
        typer.Option(
            help="Address of an engine, or embedded for the one that lethe serve started here; may be repeated."
        ),
    ] = None,
    through_proxy: Annotated[
        list[str] | None, typer.Option(help="Address of a proxy; may be repeated.")
    ] = None,
    bundle: Annotated[
        Path | None,
        typer.Option(
            help="Also measure the first --model or --engine behind this bundle's guard, which then scores given "
            "answers for --through-proxy."
        ),
    ] = None,
    action: Annotated[
        list[Action] | None,
        typer.Option(
            help="What the bundle's guard does to flagged prompts: corrupt (the default), adapter or adapter+corrupt; may be "
            "repeated. The last two need a --model."
        ),
    ] = None,
    strength: Annotated[
        list[float] | None,
        typer.Option(min=0, help="Also measure the bundle's corruption at this strength; may be repeated."),
    ] = None,
    bits: Annotated[
        list[int] | None,
        typer.Option(
            min=2,
            max=8,
            help="Also measure the first --model with weights rounded to so many bits, bare and behind the --bundle; may be "
            "repeated.",
        ),
    ] = None,
    retain: Annotated[
        str | None, typer.Option(help="Model that never saw the forget part: folder or hub id.")
    ] = None,
    tokenizer: Annotated[str | None, typer.Option(help="Tokenizer of the engines' model.")] = None,
    chat_template: Annotated[
        Path | None,
        typer.Option(
            help="File of a Jinja chat template to ask models and engines by, in place of their own; a proxy's engine has its "
            "own."
        ),
    ] = None,
    raw: Annotated[
        bool,
        typer.Option(
            help="Ask everything as raw text to be continued, as a base model without a chat template needs it."
        ),
    ] = False,
    api_key: Annotated[
        str | None, typer.Option(envvar="LETHE_ENGINE__API_KEY", help="Key of engine and proxy.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(envvar="LETHE_DATA_DIR", help="Folder of benchmark data; the hub by default."),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            help="Folder for the results; a second run into it resumes, so use another for other models or templates."
        ),
    ] = Path("results"),
    forget: Annotated[str, typer.Option(help="TOFU: forget01, forget05 or forget10.")] = "forget01",
    corpus: Annotated[str, typer.Option(help="MUSE and copyright: news or books.")] = "books",
    prompt_format: Annotated[str, typer.Option(help="Multiple choice: plain or chat.")] = "plain",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Most questions of a set, or of a subject.")
    ] = None,
    questions: Annotated[
        Path | None,
        typer.Option(help="Exposure: JSONL of what is to be forgotten, in place of TOFU's forget set."),
    ] = None,
    near: Annotated[
        Path | None, typer.Option(help="Exposure: JSONL of what is near to it and is to stay known.")
    ] = None,
    holdout: Annotated[
        Path | None,
        typer.Option(help="Exposure: JSONL of the same kind that no model has learned, for membership."),
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="Exposure: answers drawn to a question.")] = 8,
) -> None:
    """Measure models side by side; what was answered is kept, so a run that was interrupted goes on."""
    from lethe.offline.evaluation.bundle_guards import BundleGuards, opens_adapted
    from lethe.offline.evaluation.job import EvaluationSettings
    from lethe.offline.evaluation.job import evaluate as run
    from lethe.offline.evaluation.results import markdown_table
    from lethe.offline.language_models.engine import EngineModel
    from lethe.offline.language_models.guarded import GuardedModel
    from lethe.offline.language_models.interface import LanguageModel, LanguageModelError
    from lethe.offline.language_models.opening import identified, open_local, open_proxy
    from lethe.offline.language_models.raw import RawModel

    with reported():
        cache = cache_folder()
        engines = [resolved_engine(url, api_key) for url in engine or ()]
        settings = EvaluationSettings(
            benchmark,
            data,
            forget,
            corpus,
            prompt_format,
            limit,
            cache,
            questions=questions,
            near=near,
            holdout=holdout,
            samples=samples,
        )
        models: list[LanguageModel] = [
            *(open_local(name, cache, chat_template=chat_template) for name in model or ()),
            *(
                EngineModel.connect(url or "", tokenizer=tokenizer, api_key=key, chat_template=chat_template)
                for url, key in engines
            ),
        ]
        if bundle and not models:
            raise LanguageModelError("--bundle needs the --model or --engine that it is to guard")
        guards = (
            BundleGuards(
                bundle,
                identified(models[0], cache),
                action or (Action.CORRUPT,),
                opens_adapted(model[0], cache, chat_template) if model else None,
            )
            if bundle
            else None
        )
        behind = guards.before(models[0]) if guards else []
        models += behind
        guarded = next((each for each in behind if isinstance(each, GuardedModel)), None)
        if bits and not model:
            raise LanguageModelError("--bits rounds the weights of a --model; name it")
        for count in bits or ():
            named = f"{(model or [])[0]}, {count} bits"
            opened = open_local((model or [])[0], cache, name=named, bits=count, chat_template=chat_template)
            models += [opened, *(guards.before(opened, count) if guards else [])]
        models += [open_proxy(url, api_key=api_key, scorer=guarded) for url in through_proxy or ()]
        if strength and guarded is None:
            raise LanguageModelError("--strength sweeps the corruption of a --bundle; name it")
        sweep: dict[float, LanguageModel] = {
            each: guarded.at_strength(each) for each in strength or () if guarded
        }
        if not models:
            raise LanguageModelError("nothing to measure: name a --model, an --engine or a --through-proxy")
        with long_job(f"the answers in {out}") as progress:
            progress.at("reading data")
            reference = open_local(retain, cache, chat_template=chat_template) if retain else None
            if raw:
                models = [RawModel(each) for each in models]
                sweep = {strength: RawModel(each) for strength, each in sweep.items()}
                reference = RawModel(reference) if reference else None
            results = run(settings, models, out, reference, sweep, progress)
        typer.echo(markdown_table(results))
        typer.echo(f"\n{out / 'results.json'}, {out / 'results.png'}", err=True)
