"""The report of a build: what there is, what it was measured at, and how answers read. For its owner: it has the data's words."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lethe.bundle import Bundle
from lethe.bundle.files import replace_file
from lethe.offline.corruption_learning.learn import LearnedCorruption
from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.target_building.checks import DataFinding
from lethe.offline.target_building.data import WORK, TargetData

REPORT = Path("report") / "report.md"
_LEARNED = Path(WORK) / "corruption.md"
_ANSWERS = 12


def keep_outcome(data: TargetData, learned: LearnedCorruption, held_out: Sequence[ForgetQuestion]) -> None:
    """Keep what a search came to, for this report and later ones: figures and answers to questions that it never saw."""
    replace_file(data.folder / _LEARNED, _corruption(learned, held_out), mode=0o600)


def write_build_report(data: TargetData, bundle: Bundle, findings: Sequence[DataFinding]) -> Path:
    """Write `REPORT` into a target's folder; only its owner can read it."""
    path = data.folder / REPORT
    replace_file(path, _page(data, bundle, findings), mode=0o600)
    return path


def _page(data: TargetData, bundle: Bundle, findings: Sequence[DataFinding]) -> str:
    learned = data.folder / _LEARNED
    parts = [
        f"# {data.name}\n",
        f"Bundle `{bundle.folder}`, version {bundle.version}, action {bundle.manifest.action.value}.\n",
        _data_table(data),
        _classifier(bundle.manifest.metrics.get("classifier", {}), bundle),
        learned.read_text() if learned.is_file() else "",
        _doubts(findings),
        _next(bundle),
    ]
    return "\n".join(part for part in parts if part)


def _data_table(data: TargetData) -> str:
    counts = {
        "prompts to forget": data.forget,
        "near, allowed": data.near,
        "ordinary, of your own": data.ordinary,
        "names": data.names,
        "questions": data.questions,
        "about what does not exist": data.unknown,
        "answers that tell": data.answers,
        "answers, near, allowed": data.near_answers,
    }
    rows = "\n".join(f"| {name} | {len(side)} |" for name, side in counts.items())
    return f"| data | |\n|---|---|\n{rows}\n"


def _classifier(figures: Mapping[str, Any], bundle: Bundle) -> str:
    if not figures:
        return ""
    missed, near, ordinary = (
        figures[f"test_false_{kind}"]
        for kind in ("negative_rate", "positive_rate_near", "positive_rate_ordinary")
    )
    return (
        "## Classifier\n\n"
        f"Of held-out prompts {100 * (1 - missed):.0f} % of those to forget are found; {100 * near:.1f} % of those near and "
        f"{100 * ordinary:.1f} % of ordinary ones are flagged wrongly. Flagged from probability {bundle.manifest.threshold:.4g}. "
        "What other thresholds bring is in [the training's report](classifier/report.md).\n"
    )


def _corruption(learned: LearnedCorruption, held_out: Sequence[ForgetQuestion]) -> str:
    clean, corrupted = learned.held_out_clean, learned.held_out_corrupted
    assert clean is not None
    assert corrupted is not None
    figures = "\n".join(
        f"| {name.replace('_', ' ')} | {value:.3f} | {corrupted.values[name]:.3f} |"
        for name, value in clean.values.items()
    )
    answers = list(zip(held_out, clean.outputs, corrupted.outputs, strict=True))[:_ANSWERS]
    rows = "\n".join(
        f"| {_cell(asked.question)} | {_cell(one)} | {_cell(other)} |" for asked, one, other in answers
    )
    return (
        "## Corruption\n\n"
        f"`{learned.corruption.function}`, measured on {len(held_out)} questions that the search did not see:\n\n"
        f"| | clean | corrupted |\n|---|---|---|\n{figures}\n\n"
        "How answers to them read; this tells what is to be forgotten.\n\n"
        f"| asked | the model | the guarded model |\n|---|---|---|\n{rows}\n"
    )


def _doubts(findings: Sequence[DataFinding]) -> str:
    if not findings:
        return ""
    return "## What would make it better\n\n" + "\n".join(f"- {each}" for each in findings) + "\n"


def _next(bundle: Bundle) -> str:
    folder = shlex.quote(str(bundle.folder))
    return (
        "## Next\n\n```\n"
        f'lethe classifier check {folder} "a prompt to try"\n'
        f"lethe targets add {folder} --shadow\n"
        f"lethe targets enable {bundle.name} --percent 10\n```\n"
    )


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
