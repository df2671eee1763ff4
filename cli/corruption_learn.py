"""`lethe corruption learn`: find the corruption of a target, and put it into its bundle."""

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
def learn(job: LearningJob) -> None:
    """Search for the corruption under which the model scores like one that never learned.

    Every second question is held out of the search, and only measured with its outcome.
    """
    from lethe.offline.corruption_learning.job import run_learning_job

    with reported():
        engine, api_key = resolved_engine(job.engine, job.api_key)
        job = job.model_copy(update={"engine": engine, "api_key": api_key})
        with long_job("every measured candidate") as progress:
            learned = run_learning_job(job, cache_folder(), progress)
        record_bundle("corruption_learned", learned)
        typer.echo(f"{learned.folder} {learned.version}, action {learned.manifest.action}")
