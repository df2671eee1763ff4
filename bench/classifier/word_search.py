"""Searches for words to add that get MUSE-Books' questions past heads, and writes a section of docs/redteam.md.

``python -m bench.classifier.word_search [--questions N] NAME=FOLDER ...`` with the ``classifier/`` folders of heads; the shipped one by default. Needs LETHE_DATA_DIR.
No head has seen the questions, nor a word of the search's in its hardening.
"""

import argparse
import asyncio
import gzip
import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.classifier.data import (
    data_folder,
    harry_potter_negatives,
    harry_potter_questions,
    ordinary_prompts,
)
from bench.page import machine, table, write_section
from bench.repository import HARRY_POTTER
from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.encoders.registry import EncoderRegistry
from lethe.classifier.head import Head, HeadBank, load_head
from lethe.classifier.scoring import Scorer
from lethe.classifier.settings import ClassifierSettings
from lethe.offline.attacks.search import SearchLimits, WordSearch, rank_words, search
from lethe.offline.attacks.words import ordinary_words
from lethe.offline.metrics.intervals import counted

_BUDGETS = (10, 20, 50, 100)
_SHIPPED = HARRY_POTTER / "classifier"
# Of what the first tier lets pass.
_PASSED = -20.0


def main() -> None:
    """Measure some heads side by side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("heads", nargs="*", default=[f"shipped={_SHIPPED}"])
    parser.add_argument("--questions", type=int, default=60, help="flagged questions to attack")
    arguments = parser.parse_args()
    rows = [
        _row(name, Path(folder), arguments.questions)
        for name, _, folder in (each.partition("=") for each in arguments.heads)
    ]
    body = (
        f"{machine('onnxruntime', 'numpy')}.\n\nThe search of `lethe redteam` with {max(_BUDGETS)} queries a question and at most "
        f"{SearchLimits().added} words added, on questions of MUSE-Books that a head flags, drawn by a seed. Words are ranked on two "
        "others first. False alarms: of FreshQA's questions, some of which do ask about the target, and of MT-bench, Vicuna-bench and the "
        "Alpaca seed tasks; and of questions about people and things that share a name with the books'. With 95 % intervals. Goal: at most 10 % within 100 queries.\n\n"
        + table(
            [
                "head",
                "flagged plainly",
                *(f"past after {queries}" for queries in _BUDGETS),
                "words added",
                "FreshQA",
                "ordinary",
                "namesakes",
            ],
            rows,
        )
    )
    write_section("redteam.md", "Measured: words added", "python -m bench.classifier.word_search", body)


def _row(name: str, folder: Path, count: int) -> list[str]:
    head = load_head(folder)
    encoder = EncoderRegistry(head.encoder_id, "int8").of_head(folder)
    questions = [text for texts in harry_potter_questions().values() for text in texts]
    random.Random(1).shuffle(questions)
    margins = _margins(encoder, head, questions)
    flagged = [text for text, margin in zip(questions, margins, strict=True) if margin >= 0]
    found = asyncio.run(_searches(encoder, head, flagged, count))
    passed = [each.best.added for each in found if each.best.passes]
    false = [
        _margins(encoder, head, texts) >= 0
        for texts in (_fresh(), _ordinary(), harry_potter_negatives()["namesakes"])
    ]
    print(name, "done", flush=True)
    return [
        name,
        counted(len(flagged), len(questions)),
        *(
            counted(
                sum(each.first_pass is not None and each.first_pass <= queries for each in found), len(found)
            )
            for queries in _BUDGETS
        ),
        f"{np.mean(passed):.1f}" if passed else "–",
        *(counted(int(each.sum()), len(each)) for each in false),
    ]


async def _searches(encoder: Encoder, head: Head, flagged: Sequence[str], count: int) -> list[WordSearch]:
    async def margins(texts: Sequence[str]) -> list[float]:
        return _margins(encoder, head, texts).tolist()

    words = await rank_words(flagged[-2:], margins, ordinary_words())
    return [
        await search(text, margins, words, SearchLimits(max(_BUDGETS)), random.Random(f"0:{text}"))
        for text in flagged[:count]
    ]


def _margins(encoder: Encoder, head: Head, texts: Sequence[str]) -> NDArray[np.float64]:
    """Scores above the threshold, (N,)."""
    scorer = Scorer(encoder, HeadBank([head], encoder), ClassifierSettings(spans=False))
    threshold = head.calibration.score(head.threshold)
    return np.array([max(float(scorer.score_text(text).scores[0]) - threshold, _PASSED) for text in texts])


def _fresh() -> list[str]:
    lines = gzip.decompress((data_folder() / "traffic/freshqa.jsonl.gz").read_bytes()).decode().splitlines()
    return [json.loads(line)["text"] for line in lines]


def _ordinary() -> list[str]:
    return [text for texts in ordinary_prompts().values() for text in texts]


if __name__ == "__main__":
    main()
