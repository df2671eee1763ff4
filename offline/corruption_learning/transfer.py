"""The job behind `lethe corruption transfer`: a search that starts from what other models needed."""

from dataclasses import dataclass
from pathlib import Path

from lethe.bundle import Bundle
from lethe.bundle.manifest import BaseModelEntry
from lethe.offline.corruption_learning.job import open_job, scale_of_model, search
from lethe.offline.corruption_learning.learn import candidates_of_a_whole_search
from lethe.offline.corruption_learning.precedents import carried_over, find_precedents
from lethe.offline.corruption_learning.recording import record_corruption
from lethe.offline.corruption_learning.settings import LearningJob
from lethe.offline.progress import Progress


@dataclass(frozen=True)
class Transferred:
    """What a transfer came to.

    Attributes
    ----------
    started_from
        The corruptions that it began with, by their targets and models.
    measured, whole
        How many candidates were measured, and how many a search from nothing measures.
    distance
        Of what was found, from a model that never learned.
    """

    bundle: Bundle
    started_from: tuple[str, ...]
    measured: int
    whole: int
    distance: float


def run_transfer_job(job: LearningJob, cache: Path, progress: Progress) -> Transferred:
    """Learn a corruption from those of other models, and write it into its bundle, beside those.

    It is measured as `run_learning_job` does, whose trace it shares: a whole search afterwards measures nothing twice.

    Raises
    ------
    LearningError
        There is nothing to start from.
    DataError, LanguageModelError, BundleError, CorruptionError, TraceError
        As of `run_learning_job`.
    """
    opened = open_job(job, cache, progress)
    precedents = find_precedents(job.targets, job.target, opened.base_model, job.positions, most=job.restarts)

    def scale_of(model: BaseModelEntry) -> float | None:
        recorded = model.metrics.get("corruption", {}).get("embedding_rms")
        return recorded or scale_of_model(model.id, cache)

    first = carried_over(precedents, opened.scale, scale_of, job.seed)
    learned = search(job, opened, progress, first)
    started_from = tuple(map(str, precedents))
    whole = candidates_of_a_whole_search(job)
    further = {
        "embedding_rms": opened.scale,
        "started_from": ", ".join(started_from),
        "candidates_of_a_whole_search": whole,
    }
    bundle = record_corruption(learned, job.bundle, opened.model.name, opened.base_model, further)
    return Transferred(bundle, started_from, len(learned.candidates), whole, learned.distance)
