"""The report of a build: what there is, what it was measured at, and how answers read. For its owner: it has the data's words."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lethe.bundle import Bundle
from lethe.bundle.files import replace_file
from lethe.offline.corruption_learning.learn import LearnedCorruption
from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.target_building.checks import DataFinding
from lethe.offline.target_building.data import TargetData

REPORT = Path("report") / "report.md"
SAMPLES = Path("report") / "answers.md"
_SAMPLES = 12


@dataclass(frozen=True)
class AnswerSample:
    """A held-out question, what the model answers it, and what it answers when the prompt is corrupted."""

    question: str
    clean: str
    corrupted: str


def samples_of(learned: LearnedCorruption, held_out: Sequence[ForgetQuestion]) -> list[AnswerSample]:
    """Answers of the model without and with the corruption, to questions that the search never saw."""
    if learned.held_out_clean is None or learned.held_out_corrupted is None:
        return []
    outputs = zip(held_out, learned.held_out_clean.outputs, learned.held_out_corrupted.outputs, strict=False)
    return [AnswerSample(question.question, clean, corrupted) for question, clean, corrupted in outputs][
        :_SAMPLES
    ]


def write_build_report(
    data: TargetData, bundle: Bundle, findings: Sequence[DataFinding], samples: Sequence[AnswerSample]
) -> Path:
    """Write `REPORT` into a target's folder, and answers beside it where there are new ones; only their owner can read them."""
    if samples:
        replace_file(data.folder / SAMPLES, _samples(samples), mode=0o600)
    path = data.folder / REPORT
    replace_file(path, _page(data, bundle, findings), mode=0o600)
    return path


def _page(data: TargetData, bundle: Bundle, findings: Sequence[DataFinding]) -> str:
    metrics = bundle.manifest.metrics
    parts = [
        f"# {data.name}\n",
        f"Bundle `{bundle.folder}`, version {bundle.version}, action {bundle.manifest.action.value}.\n",
        _data_table(data),
        _classifier(metrics.get("classifier", {}), bundle),
        _corruption(metrics.get("corruption", {}), data),
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


def _corruption(figures: Mapping[str, Any], data: TargetData) -> str:
    if not figures:
        return ""
    held_out = figures.get("held_out", {})
    rows = "\n".join(
        f"| {name.replace('_', ' ')} | {value:.3f} | {held_out['corrupted'][name]:.3f} |"
        for name, value in held_out.get("clean", {}).items()
        if name != "questions"
    )
    samples = "How answers read is in [answers](answers.md).\n" if (data.folder / SAMPLES).is_file() else ""
    return (
        "## Corruption\n\n"
        f"`{figures['function']}` for {figures['model']}. On questions that the search did not see:\n\n"
        f"| | clean | corrupted |\n|---|---|---|\n{rows}\n\n{samples}"
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
        f"lethe targets add {folder}\n"
        f"lethe targets shadow {bundle.name}\n"
        f"lethe targets enable {bundle.name} --percent 10\n```\n"
    )


def _samples(samples: Sequence[AnswerSample]) -> str:
    rows = "\n".join(
        f"| {' '.join(each.question.split())} | {_cell(each.clean)} | {_cell(each.corrupted)} |"
        for each in samples
    )
    return f"# Answers\n\nThis page tells what is to be forgotten.\n\n| asked | the model | the guarded model |\n|---|---|---|\n{rows}\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
