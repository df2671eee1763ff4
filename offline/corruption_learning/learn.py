"""Learns the corruption of one target: a grid over functions, then descent from the best points, then a choice.

Knows nothing about models, files of questions or bundles.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np

from lethe.corruption.artifact import Corruption, Positions
from lethe.corruption.functions import FUNCTIONS, RowChange, TokenOrder
from lethe.offline.corruption_learning.descent import ScalarDescent, VectorDescent
from lethe.offline.corruption_learning.errors import LearningError
from lethe.offline.corruption_learning.evaluator import CorruptionEvaluator
from lethe.offline.corruption_learning.objective import Measurement, Objective, knowledge_left
from lethe.offline.corruption_learning.settings import DescentSettings, LearningSettings
from lethe.offline.corruption_learning.trace import MeasurementTrace


@dataclass(frozen=True)
class Candidate:
    """A corruption that was tried, with its measurement and its distance D."""

    corruption: Corruption
    measurement: Measurement
    distance: float


@dataclass(frozen=True)
class LearnedCorruption:
    """Outcome of a search.

    Attributes
    ----------
    corruption
        The chosen one.
    distance
        Its D.
    surrogate
        What it was measured against.
    clean, corrupted
        The model without and with it, on the questions that were searched on.
    candidates
        All that were tried, best first.
    held_out_clean, held_out_corrupted
        The same on questions that the search never saw.
    """

    corruption: Corruption
    distance: float
    surrogate: Mapping[str, float]
    clean: Measurement
    corrupted: Measurement
    candidates: tuple[Candidate, ...]
    held_out_clean: Measurement | None = None
    held_out_corrupted: Measurement | None = None

    @property
    def left(self) -> float | None:
        """Share of what the model knows that is left, on the held-out questions where there are some; see `knowledge_left`."""
        if self.held_out_clean and self.held_out_corrupted:
            return knowledge_left(self.surrogate, self.held_out_clean, self.held_out_corrupted)
        return knowledge_left(self.surrogate, self.clean, self.corrupted)


def learn_corruption(
    settings: LearningSettings,
    evaluator: CorruptionEvaluator,
    held_out: CorruptionEvaluator | None = None,
    retain_prompts: Sequence[str] = (),
    trace: Path | None = None,
    on_measured: Callable[[int], None] = lambda _count: None,
    first: Sequence[Corruption] = (),
) -> LearnedCorruption:
    """Find the corruption under which a model scores most like one that never learned.

    Parameters
    ----------
    evaluator
        Measures candidates on the questions to search on.
    held_out
        Measures the clean model and the chosen corruption on other questions.
    retain_prompts
        Prompts that the model has no particular knowledge about; what it scores there stands for a model that never
        learned.
    trace
        Record of the search; one that was interrupted goes on from it.
    on_measured
        Told the number of candidates measured so far.
    first
        What is tried in the place of the grid, and then descended from the best of alone; no vector is learned.

    Raises
    ------
    LearningError
        No surrogate value is given or can be estimated for a metric.
    TraceError
        The trace belongs to another search.
    """
    record = MeasurementTrace(evaluator, trace, on_measured=on_measured)
    surrogate = _surrogate_values(settings, retain_prompts, record)
    clean = record.measure([None])[0]
    objective = Objective.beside(surrogate, clean)
    search = _Search(record, objective)

    if first:
        search.try_all(first)
        _descend_strengths(settings.model_copy(update={"restarts": 1}), search)
    else:
        search.try_all(_grid(settings))
        _descend_strengths(settings, search)
        _descend_vectors(settings, search)

    best = search.ranked()[0]
    beyond = held_out.measure([None, best.corruption]) if held_out else (None, None)
    return LearnedCorruption(
        corruption=best.corruption,
        distance=best.distance,
        surrogate=dict(objective.surrogate),
        clean=clean,
        corrupted=best.measurement,
        candidates=tuple(search.ranked()),
        held_out_clean=beyond[0],
        held_out_corrupted=beyond[1],
    )


def candidates_of_a_whole_search(settings: LearningSettings) -> int:
    """How many candidates a search from nothing measures, if no two of its steps are the same."""
    grid = _grid(settings)
    descended = sum(_kind(each.function).takes_strength for each in grid)
    vectors = (
        sum(_kind(each).takes_vector for each in settings.functions)
        * len(settings.dims)
        * len(settings.positions)
    )
    return (
        len(grid)
        + min(settings.restarts, descended) * (2 * settings.steps + 1)
        + vectors * settings.restarts * (2 * settings.vector.steps + 1)
    )


class _Search:
    """What has been tried so far, scored by one objective."""

    def __init__(self, record: MeasurementTrace, objective: Objective) -> None:
        self.record = record
        self.objective = objective
        self.tried: dict[Corruption, Candidate] = {}

    def try_all(self, corruptions: Sequence[Corruption]) -> list[float]:
        """Measure corruptions together and give their distances."""
        measurements = self.record.measure(corruptions)
        for corruption, measurement in zip(corruptions, measurements, strict=True):
            self.tried[corruption] = Candidate(corruption, measurement, self.objective(measurement))
        return [self.tried[corruption].distance for corruption in corruptions]

    def ranked(self) -> list[Candidate]:
        """All candidates, the least distance first."""
        return sorted(self.tried.values(), key=lambda candidate: candidate.distance)


def _surrogate_values(
    settings: LearningSettings, retain_prompts: Sequence[str], record: MeasurementTrace
) -> dict[str, float]:
    wanted = record.evaluator.metrics
    values = dict(settings.surrogate)
    missing = [name for name in wanted if name not in values]
    if missing and not retain_prompts:
        raise LearningError(
            f"no surrogate value for {', '.join(missing)}: give the values, or retain-like prompts to estimate them from"
        )
    if missing:
        estimated = record.measure_surrogate(retain_prompts).values
        values |= {name: estimated[name] for name in missing}
    return {name: values[name] for name in wanted}


def _grid(settings: LearningSettings) -> list[Corruption]:
    grid = []
    for function in settings.functions:
        kind = _kind(function)
        if kind.takes_vector:
            continue
        grid += [
            Corruption(function, strength, dims, seed=settings.seed, positions=positions)
            for positions in settings.positions
            for dims in ((1,) if isinstance(kind, TokenOrder) else settings.dims)
            for strength in (settings.strengths if kind.takes_strength else (1.0,))
        ]
    return grid


def _descend_strengths(settings: LearningSettings, search: _Search) -> None:
    ranked = [candidate.corruption for candidate in search.ranked()]
    starts = [corruption for corruption in ranked if _kind(corruption.function).takes_strength][
        : settings.restarts
    ]
    descents = [ScalarDescent(start.strength, DescentSettings(steps=settings.steps)) for start in starts]
    for _ in range(settings.steps):
        pairs = [
            replace(start, strength=strength)
            for start, descent in zip(starts, descents, strict=True)
            for strength in descent.propose()
        ]
        distances = iter(search.try_all(pairs))
        for descent in descents:
            descent.observe(next(distances), next(distances))
    search.try_all(
        [replace(start, strength=descent.strength) for start, descent in zip(starts, descents, strict=True)]
    )


def _descend_vectors(settings: LearningSettings, search: _Search) -> None:
    random = np.random.default_rng(settings.seed)
    for function in settings.functions:
        takes_vector = _kind(function).takes_vector
        for positions, dims in product(settings.positions, settings.dims) if takes_vector else ():
            descents = [
                VectorDescent(random.standard_normal(dims), settings.vector, seed=settings.seed + restart)
                for restart in range(settings.restarts)
            ]
            for _ in range(settings.vector.steps):
                pairs = [
                    _vector_corruption(settings, function, positions, vector)
                    for descent in descents
                    for vector in descent.propose()
                ]
                distances = iter(search.try_all(pairs))
                for descent in descents:
                    descent.observe(next(distances), next(distances))
            search.try_all(
                [_vector_corruption(settings, function, positions, descent.vector) for descent in descents]
            )


def _kind(function: str) -> RowChange | TokenOrder:
    return FUNCTIONS[function]


def _vector_corruption(
    settings: LearningSettings, function: str, positions: Positions, vector: np.ndarray
) -> Corruption:
    values = tuple(vector.astype(np.float32).tolist())
    return Corruption(function, 1.0, len(values), vector=values, seed=settings.seed, positions=positions)
