"""Trains targets of few prompts as the command does, and measures what their heads find; writes docs/benchmarks-classifier.md.

``python -m bench.training.few_prompts WORK [person|product|field ...] [--ordinary FOLDER ...] [--embeddings FOLDER] [--names|--told]`` trains and
measures these, all by default, and keeps the bundles and outcomes in the folder WORK; the page is written from all that are kept there.
``painter`` and ``falconry`` are measured too, but are on no page: they are there to develop on. With ``--names`` a training is given
the target's names, in other languages too, with ``--told`` also what is known of it. With LETHE_DATA_DIR, what the heads flag of
ordinary prompts and pages is measured too.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.classifier.data import ordinary_tests
from bench.classifier.verdicts import flags
from bench.page import machine, table, write_section
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
DATA = Path(__file__).resolve().parent / "few_prompts_data"
TARGETS = {"person": "marie-curie", "product": "concorde", "field": "beekeeping"}
# To try out what is changed; the page has none of them.
_DEVELOPMENT = {"painter": "frida-kahlo", "falconry": "falconry"}
KINDS = TARGETS | _DEVELOPMENT
# At the end of the names of what a training came to: what it was given beside prompts.
_GIVEN = {"": "", "-names": ", names given", "-told": ", names and facts given"}
_FORGET = {"named": "≥ 95 %", "described": "≥ 70 %", "abroad": "≥ 80 %"}
_GOALS = {**_FORGET, "near": "≤ 5 %"}
_ORDINARY_GOAL = "≤ 0.5 %"


def main() -> None:
    """Train and measure the named targets, and write the page from all that were ever measured there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="where bundles and outcomes are kept")
    parser.add_argument(
        "kinds", nargs="*", metavar="KIND", help=f"some of {', '.join(TARGETS)}; all by default"
    )
    parser.add_argument(
        "--ordinary", type=Path, nargs="+", default=[], help="folders of ordinary text to train on"
    )
    parser.add_argument(
        "--embeddings", type=Path, help="where earlier trainings kept theirs; by default none are there"
    )
    parser.add_argument(
        "--names",
        action="store_const",
        dest="given",
        const="-names",
        default="",
        help="give the training the target's names",
    )
    parser.add_argument(
        "--told",
        action="store_const",
        dest="given",
        const="-told",
        help="give it the names, and what is known of the target",
    )
    chosen = parser.parse_args()
    for kind in chosen.kinds or TARGETS:
        outcome = chosen.work / f"{kind}{chosen.given}.json"
        if not outcome.is_file():
            chosen.work.mkdir(parents=True, exist_ok=True)
            outcome.write_text(
                json.dumps(
                    _measured(kind, chosen.work, chosen.ordinary, chosen.embeddings, chosen.given),
                    indent=2,
                )
            )
    kept = {
        (kind, given): json.loads(path.read_text())
        for kind in TARGETS
        for given in _GIVEN
        if (path := chosen.work / f"{kind}{given}.json").is_file()
    }
    found = [
        [f"{kind}{_GIVEN[given]}", group, counted(*count), _GOALS.get(group, _ORDINARY_GOAL)]
        for (kind, given), outcome in kept.items()
        for group, count in outcome["flagged"].items()
    ]
    times = [
        row
        for (kind, given), outcome in kept.items()
        for row in _time_rows(f"{kind}{_GIVEN[given]}", outcome["stages"])
    ]
    machines = dict.fromkeys(outcome["machine"] for outcome in kept.values())
    body = (
        f"{'; '.join(machines)}.\n\n"
        "Each target is trained by `lethe classifier train` with its default settings from 60 prompts to forget and 40 near "
        "ones, all in English (bench/training/few_prompts_data), and where names were given, with what the target is called in English and in other "
        "languages, too (`--entities`), and where facts were, with some 60 sentences that tell what is known of it, of beekeeping with 134 (`--about`). What is "
        "asked here was written before and is never trained on; who wrote the sentences had not read it. In "
        "brackets 95 % intervals. Ordinary prompts are MT-bench's, Vicuna-bench's and the Alpaca seed tasks', pages are stretches "
        "of news and code of 1,500 and 6,000 characters; those with a name of the target are left out.\n\n"
        + table(["target", "asked", "flagged", "goal"], found)
        + f"\n\n{_before(kept.values())} Processor seconds are of all cores together: they do not depend on what else "
        "ran. Cores are those that the training might use.\n\n"
        + table(["target", "stage", "seconds", "processor seconds", "cores"], times)
    )
    commands = dict.fromkeys(
        "make bench-few-prompts" + (f" ARGS=-{given}" if given else "") for _, given in kept
    )
    write_section(_PAGE, "A target from few prompts", " && ".join(commands), body)


def _before(outcomes: Iterable[Mapping[str, Any]]) -> str:
    """What the trainings found embedded."""
    if all(outcome["cold"] for outcome in outcomes):
        return "Nothing was embedded before a training."
    return "What all targets share of prompts and sentences had been embedded by an earlier training."


def _time_rows(kind: str, stages: Sequence[tuple[str, float, float, int]]) -> list[list[str]]:
    total = ("**all**", *np.sum([stage[1:3] for stage in stages], axis=0), stages[0][3])
    return [
        [kind, name, f"{wall:.0f}", f"{cpu:.0f}", str(cores)] for name, wall, cpu, cores in (*stages, total)
    ]


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

    def stages(self) -> list[tuple[str, float, float, int]]:
        """Each stage with its seconds, processor seconds and cores."""
        ends = [*self._begun_at[1:], ("", time.perf_counter(), time.process_time())]
        cores = len(os.sched_getaffinity(0))
        return [
            (stage, end[1] - wall, end[2] - cpu, cores)
            for (stage, wall, cpu), end in zip(self._begun_at, ends, strict=True)
        ]


def _measured(
    kind: str, work: Path, ordinary: Sequence[Path], embeddings: Path | None, given: str = ""
) -> dict[str, object]:
    print(f"{kind}:", flush=True)
    folder = work / given.strip("-")
    watch = _Stopwatch()
    with tempfile.TemporaryDirectory() as desk:
        job = ClassifierJob(
            target=KINDS[kind],
            forget=(str(DATA / kind / "forget.jsonl"),),
            retain=(str(DATA / kind / "near.jsonl"),),
            ordinary=tuple(ordinary),
            output=folder / KINDS[kind],
            report=folder / f"{kind}-report",
            entity_names=(*names_of(kind), *names_abroad(kind)) if given else (),
            about=DATA / kind / "about.txt" if given == "-told" else None,
        )
        bundle = run_classifier_job(job, embeddings or Path(desk) / "work", watch)
    stages = watch.stages()
    assert bundle.classifier is not None
    flagged = _flagged(kind, load_head(bundle.classifier))
    about = machine("onnxruntime", "scikit-learn", "numpy")
    return {"machine": about, "flagged": flagged, "stages": stages, "cold": embeddings is None}


def names_of(kind: str) -> tuple[str, ...]:
    """What the target of a kind is called, as an operator would list it."""
    return tuple((DATA / kind / "names.txt").read_text().splitlines())


def names_abroad(kind: str) -> tuple[str, ...]:
    """What it is called in other languages; nothing where that is not known."""
    path = DATA / kind / "names_abroad.txt"
    return tuple(path.read_text().splitlines()) if path.is_file() else ()


def _flagged(kind: str, head: Head) -> dict[str, tuple[int, int]]:
    """Of each group of prompts how many are flagged, and how many there are."""
    encoder = load_encoder()
    tests = load_examples(str(DATA / kind / "test.jsonl"))
    asked = {group: [test.text for test in tests if test.group == group] for group in _GOALS}
    if os.environ.get("LETHE_DATA_DIR"):
        asked |= {
            f"ordinary: {name}": [text for text in texts if not entity_spans(names_of(kind), text)]
            for name, texts in ordinary_tests().items()
        }
    counts = {}
    for group, texts in asked.items():
        flagged = flags(encoder, head, [Conversation.from_prompt(text) for text in texts])
        counts[group] = int(flagged.sum()), len(texts)
        wrong = [text for text, hit in zip(texts, flagged, strict=True) if hit != (group in _FORGET)]
        for text in wrong:
            print(f"  {'missed' if group in _FORGET else 'flagged'}, {group}: {text[:200]!r}", flush=True)
    return counts


if __name__ == "__main__":
    main()
