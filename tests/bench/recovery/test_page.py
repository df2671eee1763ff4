import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.recovery.page import verdict
from lethe.offline.evaluation.results import Result, write_results
from lethe.offline.recovery.job import CONTROL, END, FULL, KEPT, RECOVERED, REFRESHED, ROLLBACKS


def results(folder: Path, back: float, kept: float, draws: Sequence[tuple[float, float]]) -> Path:
    """Results of a recovery in which rollback and refresh come out alike."""
    others = (END, FULL, CONTROL, *(name for key, name in ROLLBACKS.items() if key != "conflict"))
    scores = {key: {RECOVERED: back, KEPT: kept} for key in (ROLLBACKS["conflict"], REFRESHED)}
    scores |= {key: {RECOVERED: 0.1, KEPT: 1.0} for key in others}
    write_results([Result("recovery", name, each) for name, each in scores.items()], folder)
    controls = [{RECOVERED: recovered, KEPT: keeps} for recovered, keeps in draws]
    (folder / "rollback.json").write_text(json.dumps({"controls": controls}))
    return folder


@pytest.mark.parametrize(
    ("back", "kept", "draws", "rollback", "refresh"),
    [
        (0.6, 0.96, [(0.1, 0.99), (0.3, 0.99)], "met.", "met."),
        (0.4, 0.96, [(0.1, 0.99)], "not met.", "not met."),
        (0.6, 0.94, [(0.1, 0.99)], "not met.", "not met."),
        (0.6, 0.96, [(0.1, 0.99), (0.6, 0.95)], "not met: a random control does as well.", "met."),
        (0.6, 0.96, [(0.9, 0.5)], "met.", "met."),
    ],
    ids=[
        "both goals",
        "too little recovered",
        "too little kept",
        "a control as good",
        "a control that harms",
    ],
)
def test_a_rollback_meets_the_goal_only_where_every_random_control_does_worse(
    tmp_path: Path,
    back: float,
    kept: float,
    draws: list[tuple[float, float]],
    rollback: str,
    refresh: str,
) -> None:
    lines = verdict(results(tmp_path, back, kept, draws)).splitlines()
    assert lines[0].endswith(f"): {rollback}")
    assert lines[1].endswith(f"): {refresh}")


def test_the_controls_spread_is_told(tmp_path: Path) -> None:
    told = verdict(results(tmp_path, 0.6, 0.96, [(0.05, 0.99), (0.15, 0.99)]))
    assert "random control 10 % (5 % to 15 %) and 100 %" in told
