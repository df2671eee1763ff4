"""What a rollback and a refresh are chosen by, and what the reports tell of the one that was chosen."""

from dataclasses import asdict
from typing import Any

from lethe.offline.recovery.refresh import TriedRefresh
from lethe.offline.recovery.rollback import Bound, TriedRollback
from lethe.offline.recovery.settings import RefreshSettings, RollbackSettings
from lethe.offline.recovery.workspace import Workspace


def bound_of(work: Workspace, settings: RollbackSettings | RefreshSettings) -> Bound:
    """What later domains have to keep, by the scores at the ends of what may be taken back."""
    before, final = (work.example_scores(parameters, "held_out") for parameters in (work.origin, work.final))
    return Bound(work.harmed, before, final, settings.keep, settings.confidence)


def told(tried: TriedRollback | TriedRefresh) -> dict[str, Any]:
    """Without the scores of single examples, which stand in the traces."""
    return {name: value for name, value in asdict(tried).items() if name != "example_scores"}
