import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from bench.recovery.page import Mean, section, verdict
from bench.recovery.tofu import BENCH
from lethe.offline.recovery.jobs.states import (
    BEST,
    CONTROL,
    END,
    FULL,
    KEPT,
    RECOVERED,
    REFRESHED,
    ROLLBACK,
    START,
)

HARMED, LATER = "authors 1", "authors 2"


def record(back: float, kept: float, draws: Sequence[tuple[float, float]], seed: int = 0) -> dict[str, Any]:
    """A record of a seed in which rollback and refresh come out alike."""
    scores = {
        START: (0.1, -1.0, 0.1),
        FULL: (0.9, 1.0, 0.0),
        END: (0.5, 0.0, 1.0),
        ROLLBACK: (0.7, back, kept),
        CONTROL: (0.5, 0.1, 1.0),
        BEST["random"]: (0.55, 0.3, 0.99),
        REFRESHED: (0.7, back, kept),
    }
    results = [
        {"model": state, "scores": {HARMED: own, LATER: 0.9, RECOVERED: share, KEPT: keeps}}
        for state, (own, share, keeps) in scores.items()
    ]
    pick = {"selection": "path", "share": 0.1, "strength": 0.5, "scores": {HARMED: 0.7, LATER: 0.9}}
    route = {
        "share": 0.1,
        "active": 0.8,
        "edited": 0.3,
        "norm": 0.2,
        "direction": -0.5,
        "direction_elsewhere": 0.1,
    }
    return {
        "seed": seed,
        "machine": "A machine",
        "seconds": 60,
        "diagnosis": {
            "routes": {"units": 100, "later": {LATER: [route]}},
            "damage": {"measured": 2.0, "foretold": {"Hessian, exact": 1.0}},
        },
        "rollback": {
            "rollback": "path",
            "chosen": {"path": pick},
            "controls": [{RECOVERED: recovered, KEPT: keeps} for recovered, keeps in draws],
            "carried": {
                "sets": {"path, first 1%": {"share": 0.01, "harm": 0.6, "gain": 0.1}},
                "cosine": 0.25,
            },
        },
        "refresh": {"refresh": {"examples": "routes", "learning_rate": 1e-4, "steps": 8}},
        "results": {"results": results},
    }


@pytest.mark.parametrize(
    ("back", "kept", "draws", "rollback", "refresh"),
    [
        (0.6, 0.96, [(0.1, 0.99), (0.3, 0.99)], "met.", "met."),
        (0.4, 0.96, [(0.1, 0.99)], "not met.", "not met."),
        (0.6, 0.94, [(0.1, 0.99)], "not met.", "not met."),
        (0.6, 0.96, [(0.6, 0.95)], "not met: a random control does as well.", "met."),
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
    back: float, kept: float, draws: list[tuple[float, float]], rollback: str, refresh: str
) -> None:
    lines = verdict([record(back, kept, draws)]).splitlines()
    assert f"): {rollback}" in lines[0]
    assert f"): {refresh}" in lines[1]


def test_the_goal_is_judged_by_the_mean_of_the_seeds_and_told_of_each() -> None:
    told = verdict([record(0.4, 0.96, [(0.1, 1.0)]), record(0.7, 0.96, [(0.1, 1.0)], seed=1)])
    assert "rollback: 55 %" in told
    assert "met; by itself in 1 of 2 seeds" in told


def test_the_rollback_is_held_against_random_sets_that_the_same_rule_chose() -> None:
    one = [record(0.6, 0.96, [(0.1, 1.0)])]
    assert "30 % more than the latter" in verdict(one)
    # One seed shows nothing, and neither do two that differ as much as this.
    assert "is not shown by this chain" in verdict(one)
    assert "is not shown" in verdict([*one, record(0.9, 0.96, [(0.1, 1.0)], seed=1)])
    alike = [record(0.6 + 0.01 * seed, 0.96, [(0.1, 1.0)], seed=seed) for seed in range(3)]
    told = verdict(alike)
    assert "is shown" in told
    assert "10 % recovered and 100 % kept; of the number" in told
    assert "30 % recovered and 99 % kept. The rollback recovers 31 % (29 to 33) more" in told


def test_a_mean_has_students_interval() -> None:
    found = Mean.of([1.0, 2.0, 3.0])
    # Of three values the 97.5 % point is 4.303, and the standard error 1 / sqrt 3.
    assert (found.value, found.low, found.high) == pytest.approx((2.0, 2 - 2.4843, 2 + 2.4843), abs=1e-3)
    assert Mean.of([0.5]) == Mean(0.5, 0.5, 0.5)


def test_the_section_tells_means_of_all_seeds() -> None:
    records: list[Mapping[str, Any]] = [
        record(0.4, 0.9, [(0.1, 1.0)]),
        record(0.6, 1.0, [(0.1, 1.0)], seed=1),
    ]
    text = section(records, BENCH, "tofu")
    assert "A machine\n\n" in text
    assert "(figures/recovery-tofu-front.png)" in text
    assert re.search(
        r"\| rollback \| 50 % \(-77 to 177\) \| 95 % \(31 to 159\) \| 40 and 90; 60 and 100 \|", text
    )
    assert "| authors 1 | 0.100 | 0.900 | 0.500 | 0.700 | 0.700 | 0.500 |" in text
    assert "| authors 2 | 10 % | 80 % | 30 % | 20 % | -0.500 | +0.100 |" in text
    assert "| path, first 1% | 1.0 % | 60.0 % | 10.0 % |" in text
    assert "| Hessian, exact | 1 | 50.0 % |" in text
    assert "| 1 | path, rho 10 %, lambda 0.5 | on routes, rate 0.0001, 8 steps |" in text
