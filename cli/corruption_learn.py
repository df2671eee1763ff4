"""`lethe corruption learn`: find the corruption of a target, and put it into its bundle."""

from pathlib import Path
from typing import Annotated

import typer

from lethe.cli.errors import UsageError, reported
from lethe.cli.long_jobs import long_job
from lethe.cli.target_option import TargetName
from lethe.models.cache import cache_folder


def learn(
    target: TargetName,
    questions: Annotated[
        Path, typer.Option(help="Forget questions: JSON lines with question, answer, facts.")
    ],
    retain_prompts: Annotated[
        Path | None,
        typer.Option(help="Prompts about nothing the model knows, to estimate surrogate values from."),
    ] = None,
    surrogate: Annotated[
        list[str] | None,
        typer.Option(help="A surrogate value that is known, as metric=value; may be repeated."),
    ] = None,
    deny_list: Annotated[
        Path | None, typer.Option(help="JSON list of facts that no answer may name.")
    ] = None,
    model: Annotated[
        str, typer.Option(help="Folder or hub id of the model, run in this process.")
    ] = "HuggingFaceTB/SmolLM2-135M-Instruct",
    engine: Annotated[
        str | None, typer.Option(help="Address of a vLLM with the plugin, instead of --model.")
    ] = None,
    served_name: Annotated[str | None, typer.Option(help="The model's name on the engine.")] = None,
    tokenizer: Annotated[
        str | None, typer.Option(help="Its tokenizer, if not on this machine under that name.")
    ] = None,
    api_key: Annotated[
        str | None, typer.Option(envvar="LETHE_ENGINE__API_KEY", help="The engine's key.")
    ] = None,
    targets: Annotated[Path, typer.Option(help="Folder of the bundles.")] = Path("targets"),
    metric: Annotated[list[str] | None, typer.Option(help="What D is made of; may be repeated.")] = None,
    function: Annotated[
        list[str] | None, typer.Option(help="Corruption function to compare; may be repeated.")
    ] = None,
    dims: Annotated[
        list[int] | None, typer.Option(help="Number of dimensions to try; may be repeated.")
    ] = None,
    strength: Annotated[list[float] | None, typer.Option(help="Grid of strengths; may be repeated.")] = None,
    steps: Annotated[int, typer.Option(min=0, help="Steps of each descent.")] = 3,
    restarts: Annotated[int, typer.Option(min=1, help="Grid points that a descent starts from.")] = 2,
    positions: Annotated[str, typer.Option(help="all_but_last or user_content.")] = "all_but_last",
    max_tokens: Annotated[int, typer.Option(min=1, help="Length of the generated answers.")] = 28,
    trace: Annotated[
        Path | None, typer.Option(help="Record of the search, and what it resumes from.")
    ] = None,
) -> None:
    """Search for the corruption under which the model scores like one that never learned.

    Every second question is held out of the search, and only measured with its outcome.
    """
    from lethe.offline.corruption_learning.job import LearningJob, run_learning_job

    with reported():
        job = LearningJob(
            bundle=targets / target,
            questions=questions,
            retain_prompts=retain_prompts,
            surrogate=dict(_parse_value(item) for item in surrogate or ()),
            deny_list=deny_list,
            metrics=tuple(metric or ()),
            functions=tuple(function or ()),
            dims=tuple(dims or ()),
            strengths=tuple(strength or ()),
            steps=steps,
            restarts=restarts,
            positions=positions,  # pyright: ignore[reportArgumentType]
            max_tokens=max_tokens,
            trace=trace,
        )
        cache = cache_folder()
        with long_job("every measured candidate") as progress:
            learned = run_learning_job(
                job,
                model,
                cache,
                engine=engine,
                served_name=served_name,
                tokenizer=tokenizer,
                api_key=api_key,
                progress=progress,
            )
        typer.echo(f"{learned.folder} {learned.version}, action {learned.manifest.action}")


def _parse_value(item: str) -> tuple[str, float]:
    name, separator, value = item.partition("=")
    try:
        if separator:
            return name, float(value)
    except ValueError:
        pass
    raise UsageError(f"a surrogate value is given as metric=value, for example leak_rate=0, not {item!r}")
