"""The jobs behind `lethe recover`: diagnose, rollback, refresh. Each goes on where it was stopped, and ends in the report."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

from torch import Tensor

from lethe.bundle.files import replace_file
from lethe.offline.data.json_lines import append_lines, read_whole_lines
from lethe.offline.evaluation.results import Result, read_results, write_results
from lethe.offline.progress import Progress
from lethe.offline.recovery.conflict import SELECTIONS, top
from lethe.offline.recovery.damage import damage
from lethe.offline.recovery.edits import describe, overlap
from lethe.offline.recovery.plots import plot_damage, plot_edits, plot_refresh, plot_rollback
from lethe.offline.recovery.refresh import Watched, refresh
from lethe.offline.recovery.report import write_recovery_report
from lethe.offline.recovery.rollback import (
    EVERYTHING,
    TriedRollback,
    best,
    grid,
    recovered,
    rolled_back,
)
from lethe.offline.recovery.sensitivity import curvature_along
from lethe.offline.recovery.settings import RefreshSettings, RollbackSettings
from lethe.offline.recovery.workspace import Workspace

SHARES = (0.0001, 0.001, 0.01, 0.1)
KEPT, RECOVERED = "kept by later domains", "recovered"
START, FULL, END, REFRESHED = "start of its stage", "full rollback", "end of the chain", "refresh"
CONTROL = "random control"
ROLLBACKS = {
    "conflict": "conflict rollback",
    "random": "best random",
    "largest": "best largest edits",
    EVERYTHING: f"best {EVERYTHING}",
}
_STATES = (START, FULL, END, ROLLBACKS["conflict"], CONTROL, *ROLLBACKS.values(), REFRESHED)


def diagnose(work: Workspace, progress: Progress, exact: int = 0) -> None:
    """Describe the edits, and set the damage that was foretold beside the measured one.

    Parameters
    ----------
    exact
        How many examples the exact curvature is taken on; 0 leaves it out.
    """
    start = work.checkpoints.vector(work.number - 1)
    own = work.origin - start
    edits = {
        f"of {work.harmed}": describe(own, start, work.layout),
        "of what came after": describe(work.edit, work.origin, work.layout),
    }
    overlaps = [overlap(own, work.edit, share) for share in SHARES]
    del start, own
    domain = work.domains[work.harmed]
    progress.expect(3 + bool(exact))
    progress.begin("gradients")
    found = work.sensitivity(progress.advance)
    curvature = None
    if exact:
        progress.begin("exact curvature")
        work.layout.write(work.model, work.origin)
        curvature = curvature_along(
            work.model,
            domain.losses,
            domain.fit[:exact],
            work.layout,
            work.edit,
            progress.advance,
        )
    progress.begin("measuring the damage")
    harm = damage(work.model, domain, work.layout, work.origin, work.edit, found, curvature)
    scores = SELECTIONS["conflict"](found.fisher, work.edit, 0)
    whole = scores.sum().item()
    carried = {
        str(share): scores[top(scores, max(1, int(share * work.layout.size)))].sum().item()
        / max(whole, 1e-30)
        for share in SHARES
    }
    _write_json(
        work.folder / "diagnosis.json",
        {
            "harmed": work.harmed,
            "coordinates": work.layout.size,
            "examples": {"fit": len(domain.fit), "held_out": len(domain.held_out), "test": len(domain.test)},
            "edits": {name: asdict(edit) for name, edit in edits.items()},
            "overlaps": [asdict(each) for each in overlaps],
            "damage": asdict(harm)
            | {"foretold": harm.foretold, "exact_examples": min(exact, len(domain.fit))},
            "conflict_share_of_diagonal_damage": carried,
        },
    )
    plot_edits(edits, overlaps, work.folder / "edits.png")
    plot_damage(harm, work.folder / "damage.png")
    _measure_ends(work, progress)
    write_recovery_report(work.folder)


def roll_back(work: Workspace, settings: RollbackSettings, progress: Progress) -> None:
    """Try rollbacks on held-out examples, choose one of each kind, and report them on the test examples."""
    progress.expect(4)
    progress.begin("gradients")
    found = work.sensitivity(progress.advance)
    fisher = found.fisher
    trace = work.folder / "candidates.jsonl"
    known = {
        (c.selection, c.share, c.strength, c.seed): c
        for c in (TriedRollback(**row) for row in read_whole_lines(trace))
    }
    final = work.scores(work.final, "held_out")
    limit = len(
        top(SELECTIONS["conflict"](fisher, work.edit, 0), int(max(settings.shares) * work.layout.size))
    )
    _measure_ends(work, progress)
    progress.begin("measuring rollbacks")
    chosen: dict[str, TriedRollback | None] = {}
    tried: list[TriedRollback] = []
    everything = list(grid(settings, list(SELECTIONS)))
    for selection in (*SELECTIONS, EVERYTHING):
        ranked = None
        if selection in SELECTIONS:
            ranked = top(SELECTIONS[selection](fisher, work.edit, settings.seed), limit)
        mine = []
        for key in (each for each in everything if each[0] == selection):
            if key not in known:
                _, share, strength, seed = key
                where = _first(ranked, share, work.layout.size)
                scores = work.scores(rolled_back(work.final, work.edit, where, strength), "held_out")
                known[key] = TriedRollback(selection, share, strength, scores, seed)
                append_lines(trace, [asdict(known[key])])
            mine.append(known[key])
            progress.advance(len(tried) + len(mine), len(everything))
        tried += mine
        pick = chosen[selection] = best(mine, work.harmed, final, settings.keep)
        parameters = _taken_back(work, ranked, pick)
        _add_state(work, ROLLBACKS[selection], work.scores(parameters, "test"))
        if settings.save and selection == "conflict":
            progress.say(f"the model stands in {work.save(parameters, 'rolled-back')}")
    controls = _controls(work, settings, fisher, chosen["conflict"], progress)
    mean = {name: fmean(scores[name] for scores in controls) for name in controls[0]}
    _add_state(work, CONTROL, mean)
    before = work.scores(work.origin, "held_out")
    _write_json(
        work.folder / "rollback.json",
        {
            "settings": settings.model_dump(mode="json", exclude={"save"}),
            "held_out": {"full rollback": before, "end of the chain": final},
            "chosen": {name: pick and asdict(pick) for name, pick in chosen.items()},
            "controls": [_compared_with_ends(work, scores) for scores in controls],
        },
    )
    plot_rollback(tried, chosen, work.harmed, before, final, settings.keep, work.folder / "rollback.png")
    write_recovery_report(work.folder)


def refresh_domain(work: Workspace, settings: RefreshSettings, progress: Progress) -> None:
    """Train a little on the harmed domain, and watch the conflict coordinates."""
    progress.expect(3)
    progress.begin("gradients")
    found = work.sensitivity(progress.advance)
    count = max(1, int(settings.watched * work.layout.size))
    conflict = top(SELECTIONS["conflict"](found.fisher, work.edit, 0), count)
    control = top(SELECTIONS["random"](found.fisher, work.edit, settings.seed), len(conflict))
    del found
    _measure_ends(work, progress)
    progress.begin("refresh")
    domain = work.domains[work.harmed]
    work.layout.write(work.model, work.final)
    steps = refresh(
        work.model,
        domain,
        work.layout,
        Watched(work.origin, conflict, control),
        settings,
        work.folder / "refresh.jsonl",
        progress,
    )
    parameters = work.layout.read(work.model)
    _add_state(work, REFRESHED, work.scores(parameters, "test"))
    if settings.save:
        progress.say(f"the model stands in {work.save(parameters, 'refreshed')}")
    _write_json(
        work.folder / "refresh.json",
        {
            "settings": settings.model_dump(mode="json", exclude={"save", "watched"}),
            "share": settings.watched,
            "coordinates": len(conflict),
            "before": asdict(steps[0]),
            "after": asdict(steps[-1]),
        },
    )
    plot_refresh(steps, work.folder / "refresh.png")
    write_recovery_report(work.folder)


def _controls(
    work: Workspace,
    settings: RollbackSettings,
    fisher: Tensor,
    pick: TriedRollback | None,
    progress: Progress,
) -> list[dict[str, float]]:
    """Test scores of random rollbacks of a candidate's size and strength, one a draw; of none, of the end of the chain."""
    progress.begin("measuring random controls")
    if pick is None:
        return [work.scores(work.final, "test")]
    count = max(1, int(pick.share * work.layout.size))
    drawn = []
    for draw in range(settings.draws):
        ranked = top(SELECTIONS["random"](fisher, work.edit, settings.seed + draw), count)
        drawn.append(work.scores(_taken_back(work, ranked, pick), "test"))
        progress.advance(draw + 1, settings.draws)
    return drawn


def _taken_back(work: Workspace, ranked: Tensor | None, pick: TriedRollback | None) -> Tensor:
    """Parameters after a rollback of a candidate's size and strength; of none, the end of the chain."""
    if pick is None:
        return work.final
    where = _first(ranked, pick.share, work.layout.size)
    return rolled_back(work.final, work.edit, where, pick.strength)


def _first(ranked: Tensor | None, share: float, size: int) -> Tensor | None:
    return None if ranked is None else ranked[: max(1, int(share * size))]


def _measure_ends(work: Workspace, progress: Progress) -> None:
    """Score what the rollbacks lie between on the test examples, once."""
    progress.begin("measuring the ends of the chain")
    measured = {result.model for result in _results(work)}
    for state, number in ((START, work.number - 1), (FULL, work.number), (END, len(work.chain.stages))):
        if state not in measured:
            progress.advance(0, note=state)
            _add_state(work, state, work.scores(work.checkpoints.vector(number), "test"))


def _add_state(work: Workspace, state: str, scores: Mapping[str, float]) -> None:
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


def _results(work: Workspace) -> list[Result]:
    path = work.folder / "results.json"
    return read_results(path) if path.is_file() else []


def _compared(
    scores: Mapping[str, float], before: Mapping[str, float], after: Mapping[str, float], harmed: str
) -> dict[str, float]:
    """A state's scores, with what it recovers and what the later domains keep, the worst of them."""
    own = {name: value for name, value in scores.items() if name not in (KEPT, RECOVERED)}
    back = recovered(own[harmed], before[harmed], after[harmed])
    shares = [own[name] / after[name] for name in own if name != harmed and after[name] > 0]
    return own | ({} if back is None else {RECOVERED: back}) | ({KEPT: min(shares)} if shares else {})


def _compared_with_ends(work: Workspace, scores: Mapping[str, float]) -> dict[str, float]:
    results = {result.model: result.scores for result in _results(work)}
    return _compared(scores, results[FULL], results[END], work.harmed)


def _write_json(path: Path, document: Mapping[str, Any] | Sequence[Any]) -> None:
    replace_file(path, json.dumps(document, indent=1) + "\n")
