"""Takes part of the later edits back: tried on held-out examples, reported on the test examples."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from lethe.offline.data.json_lines import append_lines, read_whole_lines
from lethe.offline.progress import Progress
from lethe.offline.recovery.attribution import carried
from lethe.offline.recovery.conflict import INFORMED, SELECTIONS, CoordinateEvidence, top
from lethe.offline.recovery.jobs.bound import bound_of, told
from lethe.offline.recovery.jobs.states import (
    BEST,
    CONTROL,
    END,
    FULL,
    ROLLBACK,
    add_state,
    compared_with_ends,
    measure_ends,
    scores_of,
)
from lethe.offline.recovery.plots import plot_rollback
from lethe.offline.recovery.report import write_recovery_report
from lethe.offline.recovery.rollback import TriedRollback, best, grid, means, rolled_back
from lethe.offline.recovery.routes import most
from lethe.offline.recovery.settings import RollbackSettings
from lethe.offline.recovery.workspace import Workspace

_ACTIVE = 0.1


def roll_back(work: Workspace, settings: RollbackSettings, progress: Progress) -> None:
    """Try rollbacks on held-out examples, choose one of each kind, and report them on the test examples.

    The rollback is what is best of all kinds that know something of the domains.
    """
    progress.expect(5)
    progress.begin("gradients")
    work.sensitivity(progress.advance)
    progress.begin("attributing the harm")
    evidence = work.evidence(settings.points, progress.advance)
    trace = work.folder / "candidates.jsonl"
    known = {
        (c.selection, c.share, c.strength, c.seed, c.points): c
        for c in (TriedRollback(**row) for row in read_whole_lines(trace) if "example_scores" in row)
    }
    bound = bound_of(work, settings)
    before, final = means(bound.before), means(bound.final)
    measure_ends(work, progress)
    progress.begin("measuring rollbacks")
    chosen: dict[str, TriedRollback | None] = {}
    test: dict[str, Mapping[str, float]] = {}
    tried: list[TriedRollback] = []
    everything = list(grid(settings, list(SELECTIONS)))
    for selection in BEST:
        ranked = _ranked(work, evidence, selection, max(settings.shares), settings.seed)
        mine = []
        for key in (each for each in everything if each[0] == selection):
            if key not in known:
                _, share, strength, seed, points = key
                where = _first(ranked, share, work.layout.size)
                found = work.example_scores(rolled_back(work.final, work.edit, where, strength), "held_out")
                known[key] = TriedRollback(selection, share, strength, means(found), found, seed, points)
                append_lines(trace, [asdict(known[key])])
            mine.append(known[key])
            progress.advance(len(tried) + len(mine), len(everything))
        tried += mine
        pick = chosen[selection] = best(mine, bound)
        test[selection] = (
            work.scores(_taken_back(work, ranked, pick), "test") if pick else scores_of(work, END)
        )
        add_state(work, BEST[selection], test[selection])
    informed = [each for each in tried if each.selection in INFORMED]
    pick = best(informed, bound)
    add_state(work, ROLLBACK, test[pick.selection] if pick else scores_of(work, END))
    if settings.save:
        ranked = _ranked(work, evidence, pick.selection, pick.share, settings.seed) if pick else None
        parameters = _taken_back(work, ranked, pick)
        progress.say(f"the model stands in {work.save(parameters, 'rolled-back')}")
    controls = _controls(work, settings, evidence, pick, progress)
    mean = {name: fmean(scores[name] for scores in controls) for name in controls[0]}
    add_state(work, CONTROL, mean)
    work.write_document(
        "rollback.json",
        {
            "settings": settings.model_dump(mode="json", exclude={"save"}),
            "held_out": {FULL: before, END: final},
            "chosen": {name: pick and told(pick) for name, pick in chosen.items()},
            "rollback": pick and pick.selection,
            "carried": _carried(work, evidence),
            "controls": [compared_with_ends(work, scores) for scores in controls],
        },
    )
    plot_rollback(tried, chosen, work.harmed, before, final, settings.keep, work.folder / "rollback.png")
    write_recovery_report(work.folder)


def _controls(
    work: Workspace,
    settings: RollbackSettings,
    evidence: CoordinateEvidence,
    pick: TriedRollback | None,
    progress: Progress,
) -> list[dict[str, float]]:
    """Test scores of random rollbacks of a candidate's size and strength, one a draw; of none, of the end of the chain."""
    progress.begin("measuring random controls")
    if pick is None:
        return [dict(scores_of(work, END))]
    drawn = []
    for draw in range(settings.draws):
        ranked = _ranked(work, evidence, "random", pick.share, settings.seed + draw)
        drawn.append(work.scores(_taken_back(work, ranked, pick), "test"))
        progress.advance(draw + 1, settings.draws)
    return drawn


def _carried(work: Workspace, evidence: CoordinateEvidence) -> dict[str, Any]:
    """What part of harm and gain lies on coordinates that edits or domains share, and on those that are taken first."""
    cosine = evidence.harm @ evidence.gain / (evidence.harm.norm() * evidence.gain.norm()).clamp_min(1e-30)
    return {
        "sets": {
            name: asdict(carried(chosen, evidence.harm, evidence.gain))
            for name, chosen in _telling_sets(work, evidence)
        },
        "cosine": cosine.item(),
    }


def _telling_sets(work: Workspace, evidence: CoordinateEvidence) -> Iterator[tuple[str, Tensor]]:
    """Marks of those coordinates, one set at a time since each is as long as the parameters."""
    own = work.origin - work.vector(work.number - 1)
    active = [most(values, _ACTIVE) for values in work.activities.values()]
    both = {
        block: (marks & torch.stack([other[block] for other in active[1:]]).any(dim=0)).float()
        for block, marks in active[0].items()
    }
    yield f"units active for both (most active {_ACTIVE:.0%})", work.routes.spread(both, work.device) > 0
    for share in (0.01, 0.1):
        count = max(1, int(share * work.layout.size))
        edited = [_marked(top(edit.square(), count), edit) for edit in (own, work.edit)]
        yield f"largest {share:.0%} of both edits", edited[0] & edited[1]
        for name, selection in INFORMED.items():
            yield f"{name}, first {share:.0%}", _marked(top(selection(evidence, 0), count), own)


def _marked(indices: Tensor, like: Tensor) -> Tensor:
    marks = torch.zeros_like(like, dtype=torch.bool)
    marks[indices] = True
    return marks


def _ranked(
    work: Workspace, evidence: CoordinateEvidence, selection: str, share: float, seed: int
) -> Tensor | None:
    """The share of coordinates that a selection puts first, the highest first; None for all of them."""
    if selection not in SELECTIONS:
        return None
    return top(SELECTIONS[selection](evidence, seed), max(1, int(share * work.layout.size)))


def _taken_back(work: Workspace, ranked: Tensor | None, pick: TriedRollback | None) -> Tensor:
    """Parameters after a rollback of a candidate's size and strength; of none, the end of the chain."""
    if pick is None:
        return work.final
    where = _first(ranked, pick.share, work.layout.size)
    return rolled_back(work.final, work.edit, where, pick.strength)


def _first(ranked: Tensor | None, share: float, size: int) -> Tensor | None:
    return None if ranked is None else ranked[: max(1, int(share * size))]
