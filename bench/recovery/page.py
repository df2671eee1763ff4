"""The section of a chain in docs/benchmarks-recovery.md and its pictures, out of the records of its seeds."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from scipy.stats import t as student

from bench.page import table, write_section
from bench.recovery.chain_bench import ChainBench
from bench.recovery.front import plot_front
from bench.repository import DOCS
from lethe.offline.recovery.damage import Damage
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
from lethe.offline.recovery.plots import plot_damage
from lethe.offline.recovery.report import ROUTES_HEADER

PAGE = "benchmarks-recovery.md"
GOAL_RECOVERED, GOAL_KEPT = 0.5, 0.95
_MAIN = (START, FULL, END, ROLLBACK, REFRESHED)
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Mean:
    """A mean over seeds.

    Attributes
    ----------
    low, high
        95 % interval by Student's t; the value itself where there is but one.
    """

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Mean":
        middle = fmean(values)
        if len(values) < 2:
            return cls(middle, middle, middle)
        half = float(student.ppf(0.975, len(values) - 1)) * stdev(values) / len(values) ** 0.5
        return cls(middle, middle - half, middle + half)

    def percent(self) -> str:
        spread = f" ({100 * self.low:.0f} to {100 * self.high:.0f})" if self.low < self.high else ""
        return f"{100 * self.value:.0f} %{spread}"


def read_records(folder: Path, name: str) -> list[Record]:
    """The records of a chain's seeds, those alone whose recovery was measured to its end."""
    found = [json.loads(path.read_text()) for path in sorted(folder.glob(f"{name}-*.json"))]
    return [record for record in found if "refresh" in record]


def write_chain_section(name: str, bench: ChainBench, folder: Path) -> None:
    """Write the section with its pictures; the verdict is computed from the records."""
    records = read_records(folder, name)
    plot_front(records, bench.harmed, DOCS / _picture(name, "front"))
    plot_damage(_first_damage(records), DOCS / _picture(name, "damage"))
    page = DOCS / PAGE
    if not page.is_file():
        page.write_text("# Recovery, measured\n\nEach section is written by the command below its title.\n")
    seeds = " ".join(f"--seed {record['seed']}" for record in records)
    command = f"python -m bench.recovery {name} {seeds} --page"
    write_section(PAGE, bench.title, command, section(records, bench, name))


def section(records: Sequence[Record], bench: ChainBench, name: str) -> str:
    """The section's text, of the records of at least one seed.

    Parameters
    ----------
    name
        Of the chain, which its pictures are called by.
    """
    machines = dict.fromkeys(record["machine"] for record in records)
    parts = [
        "\n".join(machines),
        f"{bench.opening} {_seeds(records)}",
        verdict(records),
        "### Recovered and kept\n\n"
        "On test examples that nothing was fitted to or chosen on. Kept is the least of each later domain's share of its score "
        "and the newest one's share of its gain. What is chosen, is chosen on held-out examples: the most recovered of what keeps "
        f"{bench.rollback.keep:.0%} there{_surely(bench.rollback.confidence)}.",
        _states(records),
        f"![held-out: recovered against kept]({_picture(name, 'front')})",
        f"### Scores\n\n{_scores(records)}",
        f"### Routes\n\n{_routes(records)}",
        f"### Where the loss lies\n\n{_carried(records)}",
        f"### Damage\n\n{_damage(records, bench)}",
        f"![loss of {bench.harmed} along the later edit, of the first seed]({_picture(name, 'damage')})",
        f"### What was chosen\n\n{_chosen(records, bench)}",
    ]
    return "\n\n".join(parts)


def _picture(name: str, kind: str) -> str:
    return f"figures/recovery-{name}-{kind}.png"


def _surely(confidence: float) -> str:
    return (
        f" with a confidence of {confidence:.0%}, by a one-sided bootstrap over the examples"
        if confidence > 0.5
        else ""
    )


def _seeds(records: Sequence[Record]) -> str:
    seconds = f"{fmean(record['seconds'] for record in records):.0f} s"
    if len(records) == 1:
        return f"One seed, {seconds}."
    return f"{len(records)} seeds, {seconds} each; figures are means, with 95 % intervals by Student's t."


def verdict(records: Sequence[Record]) -> str:
    """Say whether the goal was met: half of what was lost is back, and 95 % are kept of what came later.

    A rollback has also to recover more than every random control that keeps as much, since it claims to know which
    coordinates matter.
    """
    harmed = [record for record in records if RECOVERED in _by_state(record)[END]]
    if not harmed:
        return "The chain did not harm the domain, so there is nothing to recover."
    lines = []
    for state in (ROLLBACK, REFRESHED):
        back, kept = (_mean(harmed, lambda scores, key=key: scores[key], state) for key in (RECOVERED, KEPT))
        met = [_met(record, state) for record in harmed]
        said = "met" if back.value >= GOAL_RECOVERED and kept.value >= GOAL_KEPT else "not met"
        if said == "met" and state == ROLLBACK and not all(_beats_controls(record) for record in harmed):
            said = "not met: a random control does as well"
        by_seed = f"; by itself in {sum(met)} of {len(met)} seeds" if len(met) > 1 else ""
        lines.append(
            f"**{state}: {back.percent()} recovered, {kept.percent()} kept** (goal: {100 * GOAL_RECOVERED:.0f} and "
            f"{100 * GOAL_KEPT:.0f}): {said}{by_seed}."
        )
    return "\n".join([*lines, beside_random(harmed)])


def beside_random(records: Sequence[Record]) -> str:
    """What random sets of coordinates come to: as many and as far as the rollback's, and as many and far as its rule chooses."""
    random = BEST["random"]
    found = {
        state: " and ".join(
            f"{_mean(records, lambda scores, key=key: scores[key], state).percent()} {done}"
            for key, done in ((RECOVERED, "recovered"), (KEPT, "kept"))
        )
        for state in (CONTROL, random)
    }
    more = Mean.of(
        [_by_state(each)[ROLLBACK][RECOVERED] - _by_state(each)[random][RECOVERED] for each in records]
    )
    shown = "shown" if len(records) > 1 and more.low > 0 else "not shown"
    return (
        f"Random coordinates of the rollback's number and strength: {found[CONTROL]}; of the number and strength that its rule "
        f"chooses for them: {found[random]}. The rollback recovers {more.percent()} more than the latter, so that it matters which "
        f"coordinates are taken is {shown} by this chain."
    )


def _met(record: Record, state: str) -> bool:
    scores = _by_state(record)[state]
    enough = scores[RECOVERED] >= GOAL_RECOVERED and scores[KEPT] >= GOAL_KEPT
    return enough and (state != ROLLBACK or _beats_controls(record))


def _beats_controls(record: Record) -> bool:
    back = _by_state(record)[ROLLBACK][RECOVERED]
    controls = record["rollback"]["controls"]
    return all(each[RECOVERED] < back for each in controls if each[KEPT] >= GOAL_KEPT)


def _by_state(record: Record) -> dict[str, Mapping[str, float]]:
    return {result["model"]: result["scores"] for result in record["results"]["results"]}


def _mean(records: Sequence[Record], value: Callable[[Mapping[str, float]], float], state: str) -> Mean:
    return Mean.of([value(_by_state(record)[state]) for record in records])


def _states(records: Sequence[Record]) -> str:
    rows = []
    for state in _by_state(records[0]):
        scores = [_by_state(record)[state] for record in records]
        if any(RECOVERED not in each for each in scores):
            continue
        back, kept = (Mean.of([each[key] for each in scores]) for key in (RECOVERED, KEPT))
        seeds = "; ".join(f"{100 * each[RECOVERED]:.0f} and {100 * each[KEPT]:.0f}" for each in scores)
        rows.append([state, back.percent(), kept.percent(), seeds])
    return table(["", "recovered", "kept", "by seed"], rows)


def _scores(records: Sequence[Record]) -> str:
    domains = [name for name in _by_state(records[0])[END] if name not in (RECOVERED, KEPT)]
    rows = []
    for domain in domains:
        means = [
            _mean(records, lambda scores, domain=domain: scores[domain], state) for state in (*_MAIN, CONTROL)
        ]
        rows.append([domain, *(f"{mean.value:.3f}" for mean in means)])
    return table(["score", *_MAIN, CONTROL], rows)


def _routes(records: Sequence[Record]) -> str:
    found = [record["diagnosis"]["routes"] for record in records]
    rows = []
    for later in found[0]["later"]:
        for index, first in enumerate(found[0]["later"][later]):
            each = [one["later"][later][index] for one in found]
            means = [
                fmean(one[key] for one in each)
                for key in ("active", "edited", "norm", "direction", "direction_elsewhere")
            ]
            shares = [f"{100 * mean:.0f} %" for mean in means[:3]]
            rows.append(
                [later, f"{100 * first['share']:.0f} %", *shares, *(f"{mean:+.3f}" for mean in means[3:])]
            )
    return (
        f"Of {found[0]['units']:,} neurons and heads, those most active on the answers of the harmed domain and of a later one, "
        "beside those that their own stages changed most. By chance two sets share as much as they are of the units.\n\n"
        + table(ROUTES_HEADER, rows)
    )


def _carried(records: Sequence[Record]) -> str:
    found = [record["rollback"]["carried"] for record in records]
    rows = []
    for name in found[0]["sets"]:
        each = [one["sets"][name] for one in found]
        rows.append(
            [name, *(f"{100 * fmean(one[key] for one in each):.1f} %" for key in ("share", "harm", "gain"))]
        )
    cosine = fmean(one["cosine"] for one in found)
    return (
        "Each coordinate's part in what the harmed domain's loss rose by, and in what the later ones' losses fell by: "
        "gradients integrated along the later edit, on the examples that are fitted on. The cosine of the two over all "
        f"coordinates is {cosine:+.3f}.\n\n"
        + table(["coordinates", "of all", "of what was lost", "of what was gained"], rows)
    )


def _damage(records: Sequence[Record], bench: ChainBench) -> str:
    found = [record["diagnosis"]["damage"] for record in records]
    measured = Mean.of([each["measured"] for each in found])
    rows = [["measured", f"{measured.value:.4g}", "100 %"]]
    for name in found[0]["foretold"]:
        totals = [each["foretold"][name] for each in found]
        of = fmean(total / each["measured"] for total, each in zip(totals, found, strict=True))
        rows.append([name, f"{fmean(totals):.4g}", f"{100 * of:.1f} %"])
    return (
        f"Loss of {bench.harmed!r} in nats an answer along all later edits: measured, and foretold to second order with "
        "the curvature from\n\n" + table(["curvature", "change of the loss", "of the measured"], rows)
    )


def _first_damage(records: Sequence[Record]) -> Damage:
    found = records[0]["diagnosis"]["damage"]
    return Damage(**{field.name: found[field.name] for field in fields(Damage)})


def _chosen(records: Sequence[Record], bench: ChainBench) -> str:
    rows = []
    for record in records:
        rollback, refresh = record["rollback"], record["refresh"]["refresh"]
        pick = rollback["rollback"] and rollback["chosen"][rollback["rollback"]]
        rows.append(
            [
                str(record["seed"]),
                f"{pick['selection']}, rho {100 * pick['share']:g} %, lambda {pick['strength']:g}"
                if pick
                else "nothing helps",
                f"on {refresh['examples']}, rate {refresh['learning_rate']:g}, {refresh['steps']} steps"
                if refresh
                else "nothing helps",
            ]
        )
    tried = bench.rollback
    return (
        f"Tried: rho {', '.join(f'{100 * share:g} %' for share in tried.shares)}; lambda "
        f"{', '.join(f'{strength:g}' for strength in tried.strengths)}; refresh at most {bench.refresh.steps} steps of "
        f"{bench.refresh.batch_size} examples, rates {', '.join(f'{rate:g}' for rate in bench.refresh.learning_rates)}, "
        f"measured every {bench.refresh.measured_every}. The random control has the rollback's size and strength and is the mean "
        f"of {tried.draws} draws.\n\n" + table(["seed", "rollback", "refresh"], rows)
    )
