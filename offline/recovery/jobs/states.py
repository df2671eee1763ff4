"""The states of a chain that are set side by side: what each scores on the test examples, and what it recovers and keeps."""

from collections.abc import Mapping
from typing import get_args

from lethe.offline.evaluation.results import Result, read_results, write_results
from lethe.offline.progress import Progress
from lethe.offline.recovery.conflict import SELECTIONS
from lethe.offline.recovery.rollback import EVERYTHING, kept, recovered
from lethe.offline.recovery.settings import Examples
from lethe.offline.recovery.workspace import Workspace

KEPT, RECOVERED = "kept by later domains", "recovered"
START, FULL, END, REFRESHED = "start of its stage", "full rollback", "end of the chain", "refresh"
CONTROL = "random control"
ROLLBACK = "rollback"
BEST = {name: f"best {name}" for name in (*SELECTIONS, EVERYTHING)}
ON = {name: f"refresh on {name}" for name in get_args(Examples)}
_STATES = (START, FULL, END, ROLLBACK, CONTROL, *BEST.values(), REFRESHED, *ON.values())


def measure_ends(work: Workspace, progress: Progress) -> None:
    """Score what the rollbacks lie between on the test examples, once."""
    progress.begin("measuring the ends of the chain")
    measured = {result.model for result in _results(work)}
    for state, number in ((START, work.number - 1), (FULL, work.number), (END, len(work.chain.stages))):
        if state not in measured:
            progress.advance(0, note=state)
            add_state(work, state, work.scores(work.vector(number), "test"))


def add_state(work: Workspace, state: str, scores: Mapping[str, float]) -> None:
    """Put a state's scores on the test examples into the results."""
    results = {result.model: result for result in _results(work)}
    results[state] = Result("recovery", state, scores)
    if {FULL, END} <= results.keys():
        before, after = results[FULL].scores, results[END].scores
        results = {
            name: Result("recovery", name, _compared(result.scores, before, after, work.harmed))
            for name, result in results.items()
        }
    write_results([results[name] for name in dict.fromkeys(_STATES) if name in results], work.folder)


def scores_of(work: Workspace, state: str) -> Mapping[str, float]:
    """What a state that was measured scored on the test examples."""
    return next(result.scores for result in _results(work) if result.model == state)


def compared_with_ends(work: Workspace, scores: Mapping[str, float]) -> dict[str, float]:
    """Scores on the test examples, with what they recover and keep, once the ends are measured."""
    results = {result.model: result.scores for result in _results(work)}
    return _compared(scores, results[FULL], results[END], work.harmed)


def _compared(
    scores: Mapping[str, float], before: Mapping[str, float], after: Mapping[str, float], harmed: str
) -> dict[str, float]:
    """A state's scores, with what it recovers and what it keeps of the later domains."""
    ends = [{k: v for k, v in each.items() if k not in (KEPT, RECOVERED)} for each in (scores, before, after)]
    own, start, end = ends
    back = recovered(own[harmed], start[harmed], end[harmed])
    return own | ({} if back is None else {RECOVERED: back}) | {KEPT: kept(own, start, end, harmed)}


def _results(work: Workspace) -> list[Result]:
    path = work.folder / "results.json"
    return read_results(path) if path.is_file() else []
