"""Trains a little on the harmed domain again: tried on held-out examples, reported on the test examples."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from lethe.offline.data.json_lines import append_lines, read_whole_lines
from lethe.offline.progress import Progress
from lethe.offline.recovery.conflict import SELECTIONS, CoordinateEvidence, top
from lethe.offline.recovery.domain import Domain, Model
from lethe.offline.recovery.jobs.bound import bound_of, told
from lethe.offline.recovery.jobs.states import END, ON, REFRESHED, add_state, measure_ends, scores_of
from lethe.offline.recovery.plots import plot_refresh
from lethe.offline.recovery.refresh import RefreshStep, TriedRefresh, Watched, refresh
from lethe.offline.recovery.report import write_recovery_report
from lethe.offline.recovery.rollback import best, means
from lethe.offline.recovery.routes import UnitValues, activity
from lethe.offline.recovery.settings import RefreshSettings
from lethe.offline.recovery.workspace import Workspace


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
    bound = bound_of(work, settings)
    measure_ends(work, progress)
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
    untouched = scores_of(work, END)
    for name in domains:
        mine = [each for each in tried.values() if each.examples == name]
        pick = chosen[name] = best(mine, bound)
        add_state(work, ON[name], pick.test if pick else untouched)
    pick = best([each for each in chosen.values() if each], bound)
    add_state(work, REFRESHED, pick.test if pick else untouched)
    shown = pick or next(iter(tried.values()))
    steps = [
        RefreshStep(**row)
        for row in read_whole_lines(folder / f"{shown.examples}-{shown.learning_rate:g}.jsonl")
    ]
    steps = steps[: shown.steps + 1]
    work.write_document(
        "refresh.json",
        {
            "settings": settings.model_dump(mode="json", exclude={"save", "watched"}),
            "share": settings.watched,
            "coordinates": len(conflict),
            "chosen": {name: each and told(each) for name, each in chosen.items()},
            "refresh": pick and told(pick),
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


def _use(one: UnitValues, harm: UnitValues) -> float:
    """How far an example's activity lies on units that were harmed: the mean of their harm, weighted by its square."""
    weights = [one[block].square() for block in harm]
    total = sum((weight @ each).item() for weight, each in zip(weights, harm.values(), strict=True))
    return total / max(1e-30, sum(weight.sum().item() for weight in weights))
