"""Measures the shipped head for answers on real data and writes a section of docs/benchmarks-classifier.md.

``python -m bench.answers [BUNDLE]``. Needs LETHE_DATA_DIR. No data that are measured on are trained on.
"""

import argparse
import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.answers.data import books_answers, books_passages, ordinary_answers
from bench.classifier.bundle_service import service_of_bundle
from bench.page import machine, table, write_section
from bench.repository import HARRY_POTTER
from bench.traffic.requests import Names
from lethe.bundle import load_bundle
from lethe.classifier.conversation import Conversation
from lethe.classifier.exchange import Exchange
from lethe.classifier.head import answer_head_folder, load_head
from lethe.offline.metrics.intervals import counted

# An answer grows by some twelve tokens from look to look.
_CHARACTERS_A_LOOK = 50
_WATCHED = 100
_QUESTIONS = ("MUSE-Books, forget", "MUSE-Books, retain")


@dataclass(frozen=True)
class _Judged:
    """What is flagged of an exchange: its prompt, the answer with it, the answer alone, and as one to a corrupted prompt."""

    prompt: bool
    exchange: bool
    alone: bool
    asked: bool


class _Judge:
    def __init__(self, bundle: Path) -> None:
        loaded = load_bundle(bundle)
        self.head = load_head(answer_head_folder(loaded))
        self._service = service_of_bundle(loaded)

    async def judge(self, exchange: Exchange) -> _Judged:
        prompt = await self._service.classify(exchange.question)
        behind = await self._service.classify_answer(exchange)
        alone = await self._service.classify_answer(replace(exchange, question=Conversation(())))
        asked = await self.flags_if_asked(exchange)
        return _Judged(bool(prompt.flagged), bool(behind.flagged), bool(alone.flagged), asked)

    async def flags(self, exchange: Exchange) -> bool:
        return bool((await self._service.classify_answer(exchange)).flagged)

    async def flags_if_asked(self, exchange: Exchange) -> bool:
        """Whether it would be flagged as the answer to a prompt that was corrupted for asking of the target."""
        of_corrupted = replace(exchange, question=Conversation(()), asked=frozenset({self.head.target}))
        return bool((await self._service.classify_answer(of_corrupted)).flagged)

    async def caught_at(self, exchange: Exchange) -> int:
        """After how many characters the look comes that flags an answer which is flagged in the end."""
        whole = len(exchange.answer)
        for end in range(_CHARACTERS_A_LOOK, whole, _CHARACTERS_A_LOOK):
            if await self.flags(replace(exchange, answer=exchange.answer[:end], complete=False)):
                return end
        return whole

    async def looks(self, exchange: Exchange) -> list[float]:
        """Milliseconds of a core that each look at a growing answer takes."""
        self._service.cache.clear()
        found: list[float] = []
        for end in range(_CHARACTERS_A_LOOK, len(exchange.answer), _CHARACTERS_A_LOOK):
            began = time.process_time()
            await self._service.classify_answer(
                replace(exchange, answer=exchange.answer[:end], complete=False)
            )
            found.append(1000 * (time.process_time() - began))
        return found

    async def close(self) -> None:
        await self._service.close()


async def _measure(bundle: Path) -> str:
    judge = _Judge(bundle)
    try:
        judged = {
            name: [(each, await judge.judge(each)) for each in exchanges]
            for name, exchanges in {**books_answers(), "the books' text": books_passages()}.items()
        }
        ordinary = ordinary_answers(Names(judge.head.entities))
        flagged = {
            name: [(await judge.flags(each), await judge.flags_if_asked(each)) for each in exchanges]
            for name, exchanges in ordinary.items()
        }
        anew = [
            (len(each.answer), await judge.caught_at(each))
            for name, exchanges in ordinary.items()
            for each, (hit, _) in zip(exchanges, flagged[name], strict=True)
            if hit
        ]
        watched = [each for found in ordinary.values() for each in found[: _WATCHED // len(ordinary)]]
        times = [each for exchange in watched for each in await judge.looks(exchange)]
    finally:
        await judge.close()
    rows = [[name, *_shares(found)] for name, found in flagged.items()]
    together = [each for found in flagged.values() for each in found]
    characters = sum(len(each.answer) for exchanges in ordinary.values() for each in exchanges)
    p50, p99 = np.percentile(times, [50, 99])
    return "\n\n".join(
        (
            machine("onnxruntime", "numpy"),
            "Exchanges about the books, with 95 % intervals. An exchange is a true answer behind its question; of those whose "
            "prompt is not flagged, the answer is what is left to tell. Answers to corrupted prompts are judged alone, by the lower score "
            "of what the prompt asks of.",
            table(
                (
                    "exchanges",
                    "prompt flagged",
                    "answer flagged",
                    "either",
                    "of prompts let through",
                    "answer alone",
                    "as one to a corrupted prompt",
                ),
                [_leak_row(name, [verdict for _, verdict in found]) for name, found in judged.items()],
            ),
            "Questions with answers that neither finds; most name one person, and nothing in their answers is rare:",
            "\n".join(
                f"- {exchange.question.messages[0].text} *{exchange.answer}*"
                for name in _QUESTIONS
                for exchange, verdict in judged[name]
                if not (verdict.prompt or verdict.exchange)
            ),
            "Ordinary answers that are flagged, as what they are and as if the target's corruption had been applied to their prompts:",
            table(
                ("answers", "flagged", "as ones to corrupted prompts"), [*rows, ["all", *_shares(together)]]
            ),
            _spent_twice(anew, characters),
            f"A look at an answer that has grown by {_CHARACTERS_A_LOOK} characters takes {p50:.1f} ms of a core in the median and "
            f"{p99:.1f} ms at the 99th percentile, of {len(times):,} looks at {len(watched)} ordinary answers.",
        )
    )


def _leak_row(name: str, judged: Sequence[_Judged]) -> list[str]:
    missed = [each for each in judged if not each.prompt]
    return [
        name,
        counted(sum(each.prompt for each in judged), len(judged)),
        counted(sum(each.exchange for each in judged), len(judged)),
        counted(sum(each.prompt or each.exchange for each in judged), len(judged)),
        counted(sum(each.exchange for each in missed), len(missed)),
        counted(sum(each.alone for each in judged), len(judged)),
        counted(sum(each.asked for each in judged), len(judged)),
    ]


def _spent_twice(anew: Sequence[tuple[int, int]], characters: int) -> str:
    """What the engine writes in vain, by the lengths of answers that are made anew and where each was caught."""
    whole, streamed = (sum(column) for column in zip(*anew, strict=True)) if anew else (0, 0)
    return (
        f"What the engine writes in vain, since an answer is made anew: {whole:,} of the {characters:,} characters of ordinary answers "
        f"({100 * whole / characters:.3f} %) where they come whole, and {streamed:,} ({100 * streamed / characters:.3f} %) where they are "
        f"streamed and the engine is stopped at the first look that flags them, by looks {_CHARACTERS_A_LOOK} characters apart, of answers that "
        "are flagged in the end."
    )


def _shares(flagged: Sequence[tuple[bool, bool]]) -> list[str]:
    return [counted(sum(column), len(flagged)) for column in zip(*flagged, strict=True)]


def main() -> None:
    """Measure a bundle, the shipped one by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", nargs="?", type=Path, default=HARRY_POTTER)
    body = asyncio.run(_measure(parser.parse_args().bundle))
    write_section("benchmarks-classifier.md", "Answers", "make bench-answers", body)


if __name__ == "__main__":
    main()
