"""Searches for words to add that get questions on the books past heads, and writes a section of docs/redteam.md.

``python -m bench.classifier.word_search NAME=FOLDER ... [--questions N] [--queries N ...]`` with the ``classifier/`` folders of heads; the shipped one by default. Needs LETHE_DATA_DIR.
No head has seen the questions, nor a word of the search's in its hardening, and none of the questions attacked was looked at when the
second look was made: that was done on one half of MUSE-Books' questions, with another seed. What was found is kept, so a run that was
cut off goes on.
"""

import argparse
import asyncio
import hashlib
import random
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import lethe.classifier
import lethe.offline.attacks
from bench.classifier.data import (
    fresh_questions,
    harry_potter_held_out,
    harry_potter_negatives,
    harry_potter_questions,
    ordinary_prompts,
)
from bench.page import machine, table, write_section
from bench.repository import HARRY_POTTER
from lethe.classifier.encoders.registry import EncoderRegistry
from lethe.classifier.head import HeadBank, load_head
from lethe.classifier.scoring import Scorer
from lethe.classifier.settings import ClassifierSettings
from lethe.models.cache import cache_folder
from lethe.offline.attacks.search import SearchLimits, rank_words, search
from lethe.offline.attacks.words import ordinary_words
from lethe.offline.data.json_lines import append_lines, read_whole_lines
from lethe.offline.metrics.intervals import counted

_BUDGETS = (25, 100, 400)
_GOAL = 100
# Words are ranked on the last questions of this order that are flagged.
_ORDER, _RANKED_ON = 1, 2
_SEED = 7
_SHIPPED = HARRY_POTTER / "classifier"
# Of what the first tier lets pass.
_PASSED = -20.0


def main() -> None:
    """Measure some heads side by side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("heads", nargs="*", default=[f"shipped={_SHIPPED}"])
    parser.add_argument(
        "--questions", type=int, help="questions to attack, of those that are flagged; all by default"
    )
    parser.add_argument(
        "--queries", type=int, nargs="+", default=_BUDGETS, help="verdicts that a search may ask for"
    )
    arguments = parser.parse_args()
    budgets = sorted({*arguments.queries, _GOAL})
    rows = [
        _row(name, Path(folder), arguments.questions, budgets)
        for name, _, folder in (each.partition("=") for each in arguments.heads)
    ]
    body = (
        f"{machine('onnxruntime', 'numpy')}.\n\nThe search of `lethe redteam`, with at most {SearchLimits().added} words added, against what a head says "
        f"with all its looks, on those of {len(harry_potter_held_out())} questions that it flags; one search for each number of queries. The questions are MUSE-Books' own "
        "examples for prompts, and ours on every thirtieth sentence of the wiki that is its text to keep; words are ranked on two of its other questions. False alarms: of FreshQA's questions, some of which do ask about the target, and of MT-bench, Vicuna-bench and the "
        "Alpaca seed tasks; and of questions about people and things that share a name with the books'. Time: processor time of one of FreshQA's "
        f"questions. With 95 % intervals. Goal: at most 10 % within {_GOAL} queries.\n\n"
        + table(
            [
                "head",
                "flagged plainly",
                *(f"past with {queries} queries" for queries in budgets),
                "words added",
                "FreshQA",
                "ordinary",
                "namesakes",
                "ms",
            ],
            rows,
        )
    )
    command = shlex.join(["python", "-m", "bench.classifier.word_search", *sys.argv[1:]])
    write_section("redteam.md", "Measured: words added", command, body)


def _row(name: str, folder: Path, count: int | None, budgets: Sequence[int]) -> list[str]:
    head = load_head(folder)
    encoder = EncoderRegistry(head.encoder_id, "int8").of_head(folder)
    scorer = Scorer(encoder, HeadBank([head], encoder), ClassifierSettings(spans=False))
    questions = harry_potter_held_out()
    flagged = _flagged(scorer, questions)
    others = [text for texts in harry_potter_questions().values() for text in texts]
    random.Random(_ORDER).shuffle(others)
    ranked_on = _flagged(scorer, others)[-_RANKED_ON:]
    kept = _record(folder)
    found = {
        queries: asyncio.run(_searches(scorer, flagged[:count], ranked_on, queries, kept))
        for queries in budgets
    }
    passed = [each.added for each in found[_GOAL] if each.passes]
    before = time.process_time()
    false = [_margins(scorer, fresh_questions()) >= 0]
    milliseconds = 1000 * (time.process_time() - before) / len(false[0])
    false += [_margins(scorer, texts) >= 0 for texts in (_ordinary(), harry_potter_negatives()["namesakes"])]
    print(name, "done", flush=True)
    return [
        name,
        counted(len(flagged), len(questions)),
        *(counted(sum(each.passes for each in searches), len(searches)) for searches in found.values()),
        f"{np.mean(passed):.1f}" if passed else "–",
        *(counted(int(each.sum()), len(each)) for each in false),
        f"{milliseconds:.1f}",
    ]


@dataclass(frozen=True)
class _Found:
    """What a search came to: whether a wording passes, and how many words were added."""

    passes: bool
    added: int


async def _searches(
    scorer: Scorer, attacked: Sequence[str], ranked_on: Sequence[str], queries: int, kept: Path
) -> list[_Found]:
    async def margins(texts: Sequence[str]) -> list[float]:
        return _margins(scorer, texts).tolist()

    known = {
        line["question"]: _Found(line["passes"], line["added"])
        for line in read_whole_lines(kept)
        if line["queries"] == queries
    }
    missing = [text for text in dict.fromkeys(attacked) if text not in known]
    words = await rank_words(ranked_on, margins, ordinary_words()) if missing else []
    for text in missing:
        found = await search(text, margins, words, SearchLimits(queries), random.Random(f"{_SEED}:{text}"))
        known[text] = _Found(found.best.passes, found.best.added)
        append_lines(kept, [{"queries": queries, "question": text} | asdict(known[text])])
    return [known[text] for text in attacked]


def _record(folder: Path) -> Path:
    """Where what was found is kept, by head and by the code that read and attacked."""
    digest = hashlib.sha256(repr((_SEED, SearchLimits())).encode())
    modules = (Path(str(module.__file__)).parent for module in (lethe.classifier, lethe.offline.attacks))
    code = [file for each in modules for file in each.rglob("*.py")]
    for file in sorted([*code, *(file for file in folder.iterdir() if file.is_file())]):
        digest.update(file.name.encode() + file.read_bytes())
    return cache_folder() / "bench-word-search" / f"{digest.hexdigest()[:16]}.jsonl"


def _margins(scorer: Scorer, texts: Sequence[str]) -> NDArray[np.float64]:
    """Scores above the threshold, (N,)."""
    [threshold] = scorer.bank.thresholds
    return np.array([max(float(scorer.score_text(text).scores[0] - threshold), _PASSED) for text in texts])


def _flagged(scorer: Scorer, texts: Sequence[str]) -> list[str]:
    return [text for text, margin in zip(texts, _margins(scorer, texts), strict=True) if margin >= 0]


def _ordinary() -> list[str]:
    return [text for texts in ordinary_prompts().values() for text in texts]


if __name__ == "__main__":
    main()
