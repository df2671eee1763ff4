"""Trains targets of few prompts as the command does, and measures what their heads find; writes docs/benchmarks-classifier.md.

``python -m bench.few_prompts [person|product|field ...]``, all by default. With LETHE_DATA_DIR, what they flag of ordinary
prompts and pages is measured too.
"""

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.classifier_data import ordinary_tests
from bench.page import machine, table, write_section
from bench.verdicts import flags
from lethe.classifier.conversation import Conversation
from lethe.classifier.encoders.loading import load_encoder
from lethe.classifier.head import Head, load_head
from lethe.classifier.spans import entity_spans
from lethe.offline.classifier_training.examples import load_examples
from lethe.offline.classifier_training.job import run_classifier_job
from lethe.offline.classifier_training.settings import ClassifierJob
from lethe.offline.metrics.intervals import counted
from lethe.offline.progress import Progress

_PAGE = "benchmarks-classifier.md"
_DATA = Path(__file__).resolve().parent / "few_prompts_data"
_TARGETS = {"person": "marie-curie", "product": "concorde", "field": "beekeeping"}
_FORGET = {"named": "≥ 95 %", "described": "≥ 70 %", "abroad": "≥ 80 %"}
_GOALS = {**_FORGET, "near": "≤ 5 %"}
_ORDINARY_GOAL = "≤ 0.5 %"


def main(chosen: Sequence[str]) -> None:
    """Train and measure the targets of these kinds."""
    kinds = list(chosen) or list(_TARGETS)
    found, times = [], []
    for kind in kinds:
        training = _train(kind)
        found += _found(kind, training.head)
        times += training.rows(kind)
    body = (
        f"{machine('onnxruntime', 'scikit-learn', 'numpy')}.\n\n"
        "Each target is trained by `lethe classifier train` with its default settings from 60 prompts to forget and 40 near "
        "ones, all in English (bench/few_prompts_data). What is asked here was written before and is never trained on. In "
        "brackets 95 % intervals. Ordinary prompts are MT-bench's, Vicuna-bench's and the Alpaca seed tasks', pages are stretches "
        "of news and code of 1,500 and 6,000 characters; those with a name of the target are left out.\n\n"
        + table(["target", "asked", "flagged", "goal"], found)
        + "\n\nNothing was embedded before a training. Processor seconds are of all cores together: they do not depend on what else ran.\n\n"
        + table(["target", "stage", "seconds", "processor seconds"], times)
    )
    write_section(_PAGE, "A target from few prompts", "make bench-few-prompts", body)


@dataclass(frozen=True)
class _Training:
    """A head, and its stages with their seconds and processor seconds."""

    head: Head
    stages: list[tuple[str, float, float]]

    def rows(self, kind: str) -> list[list[str]]:
        total = ("**all**", *np.sum([stage[1:] for stage in self.stages], axis=0))
        return [[kind, name, f"{wall:.0f}", f"{cpu:.0f}"] for name, wall, cpu in (*self.stages, total)]


class _Stopwatch(Progress):
    """Takes the times of stages."""

    def __init__(self) -> None:
        super().__init__(
            lambda line: print(f"  {time.strftime('%X')} {time.process_time():.0f} {line}", flush=True)
        )
        self._begun_at: list[tuple[str, float, float]] = []

    def begin(self, stage: str) -> None:
        super().begin(stage)
        self._begun_at.append((stage, time.perf_counter(), time.process_time()))

    def stages(self) -> list[tuple[str, float, float]]:
        ends = [*self._begun_at[1:], ("", time.perf_counter(), time.process_time())]
        return [
            (stage, end[1] - wall, end[2] - cpu)
            for (stage, wall, cpu), end in zip(self._begun_at, ends, strict=True)
        ]


def _train(kind: str) -> _Training:
    print(f"{kind}:", flush=True)
    watch = _Stopwatch()
    with tempfile.TemporaryDirectory() as desk:
        job = ClassifierJob(
            target=_TARGETS[kind],
            forget=(str(_DATA / kind / "forget.jsonl"),),
            retain=(str(_DATA / kind / "near.jsonl"),),
            output=Path(desk) / _TARGETS[kind],
            report=Path(desk) / "report",
        )
        bundle = run_classifier_job(job, Path(desk) / "work", watch)
        assert bundle.classifier is not None
        return _Training(load_head(bundle.classifier), watch.stages())


def _found(kind: str, head: Head) -> list[list[str]]:
    encoder = load_encoder()
    names = tuple((_DATA / kind / "names.txt").read_text().splitlines())
    tests = load_examples(str(_DATA / kind / "test.jsonl"))
    asked = {group: [test.text for test in tests if test.group == group] for group in _GOALS}
    if os.environ.get("LETHE_DATA_DIR"):
        asked |= {
            f"ordinary: {name}": [text for text in texts if not entity_spans(names, text)]
            for name, texts in ordinary_tests().items()
        }
    rows = []
    for group, texts in asked.items():
        flagged = flags(encoder, head, [Conversation.from_prompt(text) for text in texts])
        rows.append([kind, group, counted(int(flagged.sum()), len(texts)), _GOALS.get(group, _ORDINARY_GOAL)])
        wrong = [text for text, hit in zip(texts, flagged, strict=True) if hit != (group in _FORGET)]
        for text in wrong:
            print(f"  {'missed' if group in _FORGET else 'flagged'}, {group}: {text[:200]!r}", flush=True)
    return rows


if __name__ == "__main__":
    main(sys.argv[1:])
