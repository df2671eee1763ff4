"""What the later edits did to a domain, foretold and measured."""

from dataclasses import asdict
from typing import Any

from torch import Tensor

from lethe.offline.progress import Progress
from lethe.offline.recovery.conflict import top
from lethe.offline.recovery.damage import damage
from lethe.offline.recovery.edits import describe, overlap
from lethe.offline.recovery.jobs.states import measure_ends
from lethe.offline.recovery.plots import plot_damage, plot_edits
from lethe.offline.recovery.report import write_recovery_report
from lethe.offline.recovery.routes import compare_routes
from lethe.offline.recovery.sensitivity import curvature_along
from lethe.offline.recovery.workspace import Workspace

_SHARES = (0.0001, 0.001, 0.01, 0.1)
_ROUTE_SHARES = (0.05, 0.1, 0.2)


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
    overlaps = [overlap(own, work.edit, share) for share in _SHARES]
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
        for share in _SHARES
    }
    work.write_document(
        "diagnosis.json",
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
    measure_ends(work, progress)
    write_recovery_report(work.folder)


def _compare_routes(work: Workspace, own: Tensor) -> dict[str, Any]:
    """Overlaps of routes and edits of the harmed domain with each later one, and where the edits and the harm lie."""
    compared = {}
    for number, name in enumerate(work.domains, start=work.number):
        if name == work.harmed:
            continue
        later = work.vector(number) - work.vector(number - 1)
        first, second = work.activities[work.harmed], work.activities[name]
        compared[name] = [
            asdict(compare_routes(work.routes, first, second, own, later, share)) for share in _ROUTE_SHARES
        ]
    return {"units": sum(work.routes.units.values()), "later": compared}
