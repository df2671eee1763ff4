"""`lethe corruption transfer`: find a target's corruption for one more model, from what others needed."""

import typer

from lethe.cli.command_log import record_bundle
from lethe.cli.errors import reported
from lethe.cli.long_jobs import long_job
from lethe.cli.options import with_options
from lethe.cli.running_engine import resolved_engine
from lethe.models.cache import cache_folder
from lethe.offline.corruption_learning.settings import LearningJob


@with_options(
    {"metrics": "--metric", "functions": "--function", "strengths": "--strength"},
    variables={"api_key": "LETHE_ENGINE__API_KEY"},
    without=("vector",),
)
def transfer(job: LearningJob) -> None:
    """Search for a corruption as `lethe corruption learn` does, but from those that the folder's bundles have for others.

    Those for models of the same family come first. `--function`, `--dims` and `--strength` only say what a whole search
    would have measured.
    """
    from lethe.offline.corruption_learning.transfer import run_transfer_job

    with reported():
        engine, api_key = resolved_engine(job.engine, job.api_key)
        job = job.model_copy(update={"engine": engine, "api_key": api_key})
        with long_job("every measured candidate") as progress:
            done = run_transfer_job(job, cache_folder(), progress)
        record_bundle("corruption_transferred", done.bundle)
        typer.echo(f"started from {', '.join(done.started_from)}")
        typer.echo(
            f"{done.measured} candidates measured, where a whole search measures {done.whole}: "
            f"{max(done.whole - done.measured, 0)} saved"
        )
        typer.echo(f"{done.bundle.folder} {done.bundle.version}, action {done.bundle.manifest.action}")
