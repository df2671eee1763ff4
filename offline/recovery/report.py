"""The report of a recovery as Markdown, out of the JSON files that its jobs have left so far."""

import json
from pathlib import Path
from typing import Any

from lethe.bundle.files import replace_file
from lethe.offline.evaluation.results import markdown_table, read_results

REPORT = "report.md"
ROUTES_HEADER = (
    "later domain",
    "of the units",
    "active ones shared",
    "most edited ones shared",
    "later edit's squared norm on shared active ones",
    "cosine of the edits there",
    "elsewhere",
)
"""Of a table of what two domains' routes share."""


def write_recovery_report(folder: Path) -> None:
    """Write ``report.md`` of what is there."""
    replace_file(folder / REPORT, "# Recovery\n\n" + render_report(folder))


def render_report(folder: Path, heading: str = "##", pictures: str = "") -> str:
    """The report's sections.

    Parameters
    ----------
    folder
        Where the jobs wrote.
    heading
        Marks of a section's heading.
    pictures
        What the pictures' names begin with, where they have been moved.
    """
    parts = {
        "Scores": _scores(folder),
        "Edits": _edits(folder, pictures),
        "Routes": _routes(folder),
        "Damage": _damage(folder, pictures),
        "Rollback": _rollback(folder, pictures),
        "Refresh": _refresh(folder, pictures),
    }
    return "\n\n".join(f"{heading} {title}\n\n{body}" for title, body in parts.items() if body) + "\n"


def _scores(folder: Path) -> str:
    path = folder / "results.json"
    if not path.is_file():
        return ""
    return (
        f"On test examples that nothing was fitted to or chosen on.\n\n{markdown_table(read_results(path))}"
    )


def _edits(folder: Path, pictures: str) -> str:
    found = _read(folder / "diagnosis.json")
    if not found:
        return ""
    rows = [
        [
            name,
            f"{edit['norm']:.4g}",
            *(_percent(edit[key]) for key in ("relative_norm", "unchanged", "concentration")),
        ]
        for name, edit in found["edits"].items()
    ]
    shapes = _table(
        [
            "edit",
            "norm",
            "of the parameters' norm",
            "unchanged coordinates",
            "squared norm in its largest 1 %",
        ],
        rows,
    )
    overlaps = _table(
        [
            "largest coordinates",
            "shared by the edits",
            "by chance",
            "conflict set of that size: share of diagonal damage",
        ],
        [
            [
                _percent(each["share"]),
                _percent(each["shared"]),
                _percent(each["by_chance"]),
                _percent(found["conflict_share_of_diagonal_damage"][str(each["share"])]),
            ]
            for each in found["overlaps"]
        ],
    )
    return f"{found['coordinates']:,} coordinates.\n\n{shapes}\n\n{overlaps}\n\n![edits]({pictures}edits.png)"


def _damage(folder: Path, pictures: str) -> str:
    found = _read(folder / "diagnosis.json")
    if not found:
        return ""
    harm = found["damage"]
    rows = [["measured", "", "", f"{harm['measured']:.4g}", ""]]
    for name, total in harm["foretold"].items():
        second = total - harm["first_order"]
        of_measured = _percent(total / harm["measured"]) if harm["measured"] else ""
        rows.append([name, f"{harm['first_order']:.4g}", f"{second:.4g}", f"{total:.4g}", of_measured])
    examples = found["examples"]["fit"]
    exact = (
        f" The exact Hessian is of {harm['exact_examples']} of them." if harm["hessian"] is not None else ""
    )
    table = _table(
        ["curvature from", "first order", "second order", "change of the loss", "of the measured"], rows
    )
    return (
        f"Loss of {found['harmed']!r} in nats an answer, along all later edits, on {examples} examples.{exact}\n\n"
        f"{table}\n\n![damage]({pictures}damage.png)"
    )


def _routes(folder: Path) -> str:
    found = _read(folder / "diagnosis.json").get("routes")
    if not found or not found["units"]:
        return ""
    rows = [
        [
            name,
            *(_percent(each[key]) for key in ("share", "active", "edited", "norm")),
            f"{each['direction']:+.3f}",
            f"{each['direction_elsewhere']:+.3f}",
        ]
        for name, compared in found["later"].items()
        for each in compared
    ]
    return (
        f"{found['units']:,} neurons and heads. By chance two sets share as much as they are of the units.\n\n"
        f"{_table(list(ROUTES_HEADER), rows)}"
    )


def _rollback(folder: Path, pictures: str) -> str:
    found = _read(folder / "rollback.json")
    if not found:
        return ""
    rows = [
        [name, _percent(pick["share"]), f"{pick['strength']:g}"] if pick else [name, "", "nothing helps"]
        for name, pick in found["chosen"].items()
    ]
    keep = _percent(found["settings"]["keep"])
    shares = ", ".join(map(_percent, found["settings"]["shares"]))
    strengths = ", ".join(f"{strength:g}" for strength in found["settings"]["strengths"])
    best = f"by {found['rollback']}" if found["rollback"] else "none"
    return (
        f"Chosen on held-out examples: the most recovered while every later domain keeps {keep} of its score, and the newest "
        f"of its gain. The rollback is the best that knows the domains: {best}. The random control has its size and "
        f"strength{_draws(found['controls'])}; the best of each kind is chosen by the same rule. Tried: rho {shares}; lambda "
        f"{strengths}.\n\n"
        f"{_table(['coordinates', 'rho', 'lambda'], rows)}\n\n{_carried(found['carried'])}\n\n"
        f"![rollback]({pictures}rollback.png)"
    )


def _carried(found: dict[str, Any]) -> str:
    rows = [
        [name, *(_percent(each[key]) for key in ("share", "harm", "gain"))]
        for name, each in found["sets"].items()
    ]
    header = ["coordinates", "of all", "of what was lost", "of what the later ones gained"]
    return (
        "Integrated along the edit, on the examples that gradients are taken on; the cosine of loss and gain over all "
        f"coordinates is {found['cosine']:+.3f}.\n\n{_table(header, rows)}"
    )


def _draws(controls: list[dict[str, float]]) -> str:
    back = [100 * control["recovered"] for control in controls if "recovered" in control]
    if len(controls) == 1 or not back:
        return ""
    return f", and is the mean of {len(back)} draws, which recover {min(back):.0f} % to {max(back):.0f} %"


def _refresh(folder: Path, pictures: str) -> str:
    found = _read(folder / "refresh.json")
    if not found:
        return ""
    rows = [
        [label, f"{found['before'][key]:.4g}", f"{found['after'][key]:.4g}", _change(found, key)]
        for key, label in (
            ("conflict", f"conflict coordinates ({_percent(found['share'])})"),
            ("control", "as many random ones"),
            ("everything", "all coordinates"),
        )
    ]
    settings = found["settings"]
    chosen = [
        [name, f"{pick['learning_rate']:g}", str(pick["steps"])] if pick else [name, "", "nothing helps"]
        for name, pick in found["chosen"].items()
    ]
    rates = ", ".join(f"{rate:g}" for rate in settings["learning_rates"])
    best = f"on {found['refresh']['examples']}" if found["refresh"] else "none"
    return (
        f"At most {settings['steps']} steps of {settings['batch_size']} examples, {settings['optimizer']}, learning rates "
        f"{rates}, measured every {settings['measured_every']}; chosen as the rollback is: {best}.\n\n"
        f"{_table(['examples', 'learning rate', 'steps'], chosen)}\n\n"
        "Distance from the end of the harmed stage:\n\n"
        f"{_table(['', 'before', 'after', 'change'], rows)}\n\n![refresh]({pictures}refresh.png)"
    )


def _change(found: dict[str, Any], key: str) -> str:
    before, after = found["before"][key], found["after"][key]
    return f"{100 * (after / before - 1):+.2f} %" if before else ""


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.is_file() else {}
