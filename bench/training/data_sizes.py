"""Trains the shipped target's classifier on fewer of its prompts, and measures what each number finds; writes docs/benchmarks-classifier.md.

``python -m bench.training.data_sizes WORK [10 30 100 300 ...] [--ordinary FOLDER ...]`` trains and measures these numbers of prompts, and
keeps the outcome in the folder WORK, so that one after the other can be run; the page is written from all that are kept
there. Needs LETHE_DATA_DIR.
"""

import argparse
import json
import random
import time
from collections.abc import Sequence
from pathlib import Path

from bench.classifier.data import data_folder, fresh_questions, ordinary_tests
from bench.classifier.verdicts import flags
from bench.page import machine, table, write_section
from bench.repository import ROOT
from lethe.classifier.conversation import Conversation
from lethe.classifier.encoders.loading import load_encoder
from lethe.classifier.head import Head
from lethe.classifier.spans import entity_spans
from lethe.offline.classifier_training.examples import Example, load_examples
from lethe.offline.classifier_training.general_prompts import general_examples
from lethe.offline.classifier_training.settings import TrainingSettings
from lethe.offline.classifier_training.train import train_classifier
from lethe.offline.metrics.intervals import counted
from lethe.offline.progress import Progress

_PAGE = "benchmarks-classifier.md"
_RECIPE = ROOT / "offline" / "recipes" / "harry_potter"
_SIZES = (10, 30, 100, 300)
_NAMES = ("Harry Potter", "Hogwarts", "Rowling", "Dumbledore", "Voldemort")
_NEAR_HELD_OUT = 100
_ORDINARY = ("FreshQA", "MT-bench, Vicuna-bench, Alpaca seed tasks", "pages")


def main() -> None:
    """Train and measure the given sizes, and write the page from all that were ever measured there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="where outcomes are kept")
    parser.add_argument("sizes", type=int, nargs="*", metavar="SIZE", help="prompts of each side")
    parser.add_argument(
        "--ordinary", type=Path, nargs="+", default=[], help="folders of ordinary text to train on"
    )
    chosen = parser.parse_args()
    work = chosen.work
    work.mkdir(parents=True, exist_ok=True)
    for size in chosen.sizes or _SIZES:
        outcome = work / f"{size}.json"
        if not outcome.is_file():
            outcome.write_text(json.dumps(_measured(size, work, chosen.ordinary), indent=2))
    kept = {
        size: json.loads(path.read_text()) for size in _SIZES if (path := work / f"{size}.json").is_file()
    }
    rows = [
        [
            str(size),
            *(counted(*row[name]) for name in ("questions", "described", "near")),
            *(counted(*row[name]) for name in _ORDINARY),
            f"{row['processor_seconds']:.0f}",
        ]
        for size, row in kept.items()
    ]
    machines = dict.fromkeys(row["machine"] for row in kept.values())
    body = (
        f"{'; '.join(machines)}.\n\n"
        "The shipped target's prompts to forget and near ones, so many of each drawn at random, trained with the default settings and "
        "no names given. Found: MUSE-Books' 100 questions, whole and those of them that have none of the best-known names. Wrongly "
        f"flagged: {_NEAR_HELD_OUT} near prompts that no size is trained on, FreshQA, three benches of ordinary prompts, pages of news "
        "and code; those that name the target are left out. In brackets 95 % intervals; each row is one draw of prompts. Processor "
        "seconds of the training, all cores together; embeddings that the one before made are reused.\n\n"
        + table(
            [
                "prompts of each side",
                "questions found",
                "those without a name found",
                "near flagged",
                *(f"{name} flagged" for name in _ORDINARY),
                "processor seconds",
            ],
            rows,
        )
    )
    write_section(_PAGE, "What more prompts bring", "make bench-data-sizes", body)


def _measured(size: int, work: Path, ordinary: Sequence[Path]) -> dict[str, object]:
    forget, retain = (load_examples(str(_RECIPE / f"{side}.jsonl")) for side in ("forget", "retain"))
    near = random.Random(1).sample(retain, _NEAR_HELD_OUT)
    left = [each for each in retain if each not in near]
    few_forget, few_near = (random.Random(size).sample(side, min(size, len(side))) for side in (forget, left))
    began = time.process_time()
    trained = train_classifier(
        "harry-potter",
        few_forget,
        few_near,
        general_examples(),
        TrainingSettings(ordinary=tuple(ordinary)),
        work / "training",
        Progress(lambda line: print(f"{size}: {line}", flush=True)),
    )
    seconds = time.process_time() - began
    found = {name: _flagged(trained.head, texts) for name, texts in _texts(near).items()}
    about = machine("onnxruntime", "scikit-learn", "numpy")
    return {"machine": about, **found, "processor_seconds": seconds, "threshold": trained.head.threshold}


def _texts(near: Sequence[Example]) -> dict[str, list[str]]:
    questions = [
        row["question"]
        for row in json.loads((data_folder() / "muse" / "hp" / "knowmem" / "forget_qa.json").read_text())
    ]
    ordinary = ordinary_tests()
    pages = [text for name, texts in ordinary.items() if "characters" in name for text in texts]
    prompts = [text for name, texts in ordinary.items() if "characters" not in name for text in texts]
    unnamed = [text for text in questions if not entity_spans(_NAMES, text)]
    wrong = {"near": [each.text for each in near]} | dict(
        zip(_ORDINARY, (fresh_questions(), prompts, pages), strict=True)
    )
    return {"questions": questions, "described": unnamed} | {
        name: [text for text in texts if not entity_spans(_NAMES, text)] for name, texts in wrong.items()
    }


def _flagged(head: Head, texts: Sequence[str]) -> tuple[int, int]:
    found = flags(load_encoder(), head, [Conversation.from_prompt(text) for text in texts])
    return int(found.sum()), len(texts)


if __name__ == "__main__":
    main()
