"""The jobs behind `lethe recover`: diagnose, rollback, refresh. Each goes on where it was stopped, and ends in the report."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any, get_args

import torch
from torch import Tensor

from lethe.bundle.files import replace_file
from lethe.offline.data.json_lines import append_lines, read_whole_lines
from lethe.offline.evaluation.results import Result, read_results, write_results
from lethe.offline.progress import Progress
from lethe.offline.recovery.attribution import carried
from lethe.offline.recovery.conflict import INFORMED, SELECTIONS, CoordinateEvidence, top
from lethe.offline.recovery.damage import damage
from lethe.offline.recovery.domain import Domain, Model
from lethe.offline.recovery.edits import describe, overlap
from lethe.offline.recovery.plots import plot_damage, plot_edits, plot_refresh, plot_rollback
from lethe.offline.recovery.refresh import RefreshStep, TriedRefresh, Watched, refresh
from lethe.offline.recovery.report import write_recovery_report
from lethe.offline.recovery.rollback import (
    EVERYTHING,
    Bound,
    TriedRollback,
    best,
    grid,
    kept,
    means,
    recovered,
    rolled_back,
)
from lethe.offline.recovery.routes import UnitValues, activity, compare_routes, most
from lethe.offline.recovery.sensitivity import curvature_along
from lethe.offline.recovery.settings import Examples, RefreshSettings, RollbackSettings
from lethe.offline.recovery.workspace import Workspace

SHARES = (0.0001, 0.001, 0.01, 0.1)
KEPT, RECOVERED = "kept by later domains", "recovered"
START, FULL, END, REFRESHED = "start of its stage", "full rollback", "end of the chain", "refresh"
CONTROL = "random control"
ROLLBACK = "rollback"
BEST = {name: f"best {name}" for name in (*SELECTIONS, EVERYTHING)}
ON = {name: f"refresh on {name}" for name in get_args(Examples)}
_STATES = (START, FULL, END, ROLLBACK, CONTROL, *BEST.values(), REFRESHED, *ON.values())
ROUTE_SHARES = (0.05, 0.1, 0.2)
_ACTIVE = 0.1


def diagnose(work: Workspace, progress: Progress, exact: int = 0) -> None:
    """Describe the edits, and set the damage that was foretold beside the measured one.

    Parameters
    ----------
    exact
        How many examples the exact curvature is taken on; 0 leaves it out.
    """
    start = work.vector(work.number - 1)
    own = work.origin - start
    edits = {
        f"of {work.harmed}": describe(own, start, work.layout),
        "of what came after": describe(work.edit, work.origin, work.layout),
    }
    overlaps = [overlap(own, work.edit, share) for share in SHARES]
    domain = work.domains[work.harmed]
    progress.expect(4 + bool(exact))
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
    progress.begin("measuring routes")
    routes = _compare_routes(work, own)
    del start, own
    progress.begin("measuring the damage")
    harm = damage(work.model, domain, work.layout, work.origin, work.edit, found, curvature)
    scores = found.fisher * work.edit.square()
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
            "routes": routes,
        },
    )
    plot_edits(edits, overlaps, work.folder / "edits.png")
    plot_damage(harm, work.folder / "damage.png")
    _measure_ends(work, progress)
    write_recovery_report(work.folder)


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
    bound = _bound(work, settings)
    before, final = means(bound.before), means(bound.final)
    _measure_ends(work, progress)
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
            work.scores(_taken_back(work, ranked, pick), "test") if pick else _test_scores(work, END)
        )
        _add_state(work, BEST[selection], test[selection])
    informed = [each for each in tried if each.selection in INFORMED]
    pick = best(informed, bound)
    _add_state(work, ROLLBACK, test[pick.selection] if pick else _test_scores(work, END))
    if settings.save:
        ranked = _ranked(work, evidence, pick.selection, pick.share, settings.seed) if pick else None
        parameters = _taken_back(work, ranked, pick)
        progress.say(f"the model stands in {work.save(parameters, 'rolled-back')}")
    controls = _controls(work, settings, evidence, pick, progress)
    mean = {name: fmean(scores[name] for scores in controls) for name in controls[0]}
    _add_state(work, CONTROL, mean)
    _write_json(
        work.folder / "rollback.json",
        {
            "settings": settings.model_dump(mode="json", exclude={"save"}),
            "held_out": {FULL: before, END: final},
            "chosen": {name: pick and _told(pick) for name, pick in chosen.items()},
            "rollback": pick and pick.selection,
            "carried": _carried(work, evidence),
            "controls": [_compared_with_ends(work, scores) for scores in controls],
        },
    )
    plot_rollback(tried, chosen, work.harmed, before, final, settings.keep, work.folder / "rollback.png")
    write_recovery_report(work.folder)


def refresh_domain(work: Workspace, settings: RefreshSettings, progress: Progress) -> None:
    """Train a little on the harmed domain in each of the ways to try, and watch the conflict coordinates.

    Which examples, which rate and how many steps is chosen on held-out examples. Each choice of examples is reported by
    itself too.
    """
    progress.expect(3)
    progress.begin("gradients")
    scores = work.sensitivity(progress.advance).fisher * work.edit.square()
    conflict = top(scores, max(1, int(settings.watched * work.layout.size)))
    lot = SELECTIONS["random"](CoordinateEvidence.of_edit(work.edit), settings.seed)
    watched = Watched(work.origin, conflict, top(lot, len(conflict)))
    domains = {name: domain_of_chosen(work, scores, name, settings.seed) for name in settings.examples}
    del scores, lot
    bound = _bound(work, settings)
    _measure_ends(work, progress)
    progress.begin("refresh")
    folder = work.folder / f"refresh-{settings.digest}"
    trace = folder / "tried.jsonl"
    tried = {each.key: each for each in (TriedRefresh(**row) for row in read_whole_lines(trace))}

    def measure(examples: str, rate: float, step: int) -> None:
        if step % settings.measured_every and step != settings.steps:
            return
        parameters = work.layout.read(work.model)
        held_out, test = work.example_scores(parameters, "held_out"), work.scores(parameters, "test")
        each = TriedRefresh(examples, rate, step, means(held_out), held_out, test)
        tried[each.key] = each
        append_lines(trace, [asdict(each)])
        if settings.save and each is best(tried.values(), bound):
            progress.say(f"the best model so far stands in {work.save(parameters, 'refreshed')}")
            work.layout.write(work.model, parameters)

    for name, domain in domains.items():
        for rate in settings.learning_rates:
            if (name, rate, settings.steps) in tried:
                continue
            work.layout.write(work.model, work.final)
            refresh(
                work.model,
                domain,
                work.layout,
                watched,
                settings,
                rate,
                folder / f"{name}-{rate:g}.jsonl",
                progress,
                partial(measure, name, rate),
            )
    chosen: dict[str, TriedRefresh | None] = {}
    untouched = _test_scores(work, END)
    for name in domains:
        mine = [each for each in tried.values() if each.examples == name]
        pick = chosen[name] = best(mine, bound)
        _add_state(work, ON[name], pick.test if pick else untouched)
    pick = best([each for each in chosen.values() if each], bound)
    _add_state(work, REFRESHED, pick.test if pick else untouched)
    shown = pick or next(iter(tried.values()))
    steps = [
        RefreshStep(**row)
        for row in read_whole_lines(folder / f"{shown.examples}-{shown.learning_rate:g}.jsonl")
    ]
    steps = steps[: shown.steps + 1]
    _write_json(
        work.folder / "refresh.json",
        {
            "settings": settings.model_dump(mode="json", exclude={"save", "watched"}),
            "share": settings.watched,
            "coordinates": len(conflict),
            "chosen": {name: each and _told(each) for name, each in chosen.items()},
            "refresh": pick and _told(pick),
            "before": asdict(steps[0]),
            "after": asdict(steps[-1]),
        },
    )
    plot_refresh(steps, work.folder / "refresh.png")
    write_recovery_report(work.folder)


def domain_of_chosen(work: Workspace, scores: Tensor, name: str, seed: int) -> Domain:
    """The harmed domain with the examples to refresh on that a name stands for; see `RefreshSettings.examples`."""
    domain = work.domains[work.harmed]
    if name == "all":
        return domain
    if name == "replay":
        return _with_later(work, domain, seed)
    if name == "lot":
        values = torch.rand(len(domain.fit), generator=torch.Generator().manual_seed(seed))
    elif name == "routes":
        work.layout.write(work.model, work.origin)
        harm = work.routes.sums(scores)
        values = torch.tensor(
            [_use(activity(work.model, domain, [each], work.routes), harm) for each in domain.fit]
        )
    else:
        with torch.no_grad():
            losses = []
            for parameters in (work.origin, work.final):
                work.layout.write(work.model, parameters)
                losses.append(torch.cat([domain.losses(work.model, [each]) for each in domain.fit]).cpu())
        values = losses[1] - losses[0]
    chosen = values.topk(max(1, len(domain.fit) // 2)).indices.tolist()
    return replace(domain, fit=[domain.fit[i] for i in sorted(chosen)])


def _with_later(work: Workspace, domain: Domain, seed: int) -> Domain:
    """The harmed domain with as many examples of the later ones, by lot, each with the loss of its own domain."""
    others = [(other, each) for other in work.domains.values() if other is not domain for each in other.fit]
    order = torch.randperm(len(others), generator=torch.Generator().manual_seed(seed)).tolist()
    own = [(domain, each) for each in domain.fit]

    def losses(model: Model, examples: Sequence[tuple[Domain, Any]]) -> Tensor:
        by_domain = [
            (each, [example for other, example in examples if other is each])
            for each in work.domains.values()
        ]
        return torch.cat([each.losses(model, chosen) for each, chosen in by_domain if chosen])

    return replace(domain, fit=[*own, *(others[i] for i in order[: len(own)])], losses=losses)


def _bound(work: Workspace, settings: RollbackSettings | RefreshSettings) -> Bound:
    before, final = (work.example_scores(parameters, "held_out") for parameters in (work.origin, work.final))
    return Bound(work.harmed, before, final, settings.keep, settings.confidence)


def _told(tried: TriedRollback | TriedRefresh) -> dict[str, Any]:
    """Without the scores of single examples, which stand in the traces."""
    return {name: value for name, value in asdict(tried).items() if name != "example_scores"}


def _use(one: UnitValues, harm: UnitValues) -> float:
    """How far an example's activity lies on units that were harmed: the mean of their harm, weighted by its square."""
    weights = [one[block].square() for block in harm]
    total = sum((weight @ each).item() for weight, each in zip(weights, harm.values(), strict=True))
    return total / max(1e-30, sum(weight.sum().item() for weight in weights))


def _compare_routes(work: Workspace, own: Tensor) -> dict[str, Any]:
    """Overlaps of routes and edits of the harmed domain with each later one, and where the edits and the harm lie."""
    compared = {}
    for number, name in enumerate(work.domains, start=work.number):
        if name == work.harmed:
            continue
        later = work.vector(number) - work.vector(number - 1)
        first, second = work.activities[work.harmed], work.activities[name]
        compared[name] = [
            asdict(compare_routes(work.routes, first, second, own, later, share)) for share in ROUTE_SHARES
        ]
    return {"units": sum(work.routes.units.values()), "later": compared}


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
        return [dict(_test_scores(work, END))]
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


def _measure_ends(work: Workspace, progress: Progress) -> None:
    """Score what the rollbacks lie between on the test examples, once."""
    progress.begin("measuring the ends of the chain")
    measured = {result.model for result in _results(work)}
    for state, number in ((START, work.number - 1), (FULL, work.number), (END, len(work.chain.stages))):
        if state not in measured:
            progress.advance(0, note=state)
            _add_state(work, state, work.scores(work.vector(number), "test"))


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


def _test_scores(work: Workspace, state: str) -> Mapping[str, float]:
    """What a state that was measured scored on the test examples."""
    return next(result.scores for result in _results(work) if result.model == state)


def _compared(
    scores: Mapping[str, float], before: Mapping[str, float], after: Mapping[str, float], harmed: str
) -> dict[str, float]:
    """A state's scores, with what it recovers and what it keeps of the later domains."""
    ends = [{k: v for k, v in each.items() if k not in (KEPT, RECOVERED)} for each in (scores, before, after)]
    own, start, end = ends
    back = recovered(own[harmed], start[harmed], end[harmed])
    return own | ({} if back is None else {RECOVERED: back}) | {KEPT: kept(own, start, end, harmed)}


def _compared_with_ends(work: Workspace, scores: Mapping[str, float]) -> dict[str, float]:
    results = {result.model: result.scores for result in _results(work)}
    return _compared(scores, results[FULL], results[END], work.harmed)


def _write_json(path: Path, document: Mapping[str, Any] | Sequence[Any]) -> None:
    replace_file(path, json.dumps(document, indent=1) + "\n")
