"""What shows that a model withstood a corruption: ``python -m bench.leaks.withstood``. Needs LETHE_DATA_DIR.

Answers to corrupted prompts, of a model that knows the target and of one that does not: which of them are refused by the score of
ordinary traffic, by the lower one of what a prompt asks of, and by how likely the same model holds the answer to the prompt as
it was written. An answer that the corruption made is unlikely to that; one that the model knew all the same is as likely.
What was answered is kept.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.classifier.bundle_service import service_of_bundle
from bench.leaks.asked import TOKENS, Asked, in_all_forms
from bench.leaks.conversing import ConversingModel
from bench.leaks.data import Fact, facts
from bench.leaks.model import taught_model
from bench.page import machine, table, write_section
from bench.repository import HARRY_POTTER
from bench.reproduction.command import timed_lines
from lethe.bundle import load_bundle
from lethe.classifier.conversation import Conversation
from lethe.classifier.exchange import Exchange
from lethe.corruption.artifact import load_corruption
from lethe.models.cache import cache_folder
from lethe.models.smollm2 import prepare_smollm2
from lethe.offline.metrics.intervals import counted

_FORM = "plain question"
# In nats: the answer is at most so much less likely to the prompt as it was written than to the corrupted one.
_LESS_LIKELY = 3.0


@dataclass(frozen=True)
class _Answer:
    """An answer to a corrupted prompt.

    Attributes
    ----------
    ordinary, asked
        Whether it is flagged by the score of ordinary answers, and by the lower one of what its prompt asks of.
    gained
        By how much likelier it is to the prompt as it was written than to the corrupted one, in nats.
    """

    text: str
    tells: bool
    ordinary: bool
    asked: bool
    gained: float

    @property
    def withstood(self) -> bool:
        return self.gained >= -_LESS_LIKELY


def main() -> None:
    """Measure both models, and write the section."""
    say, cache, known = timed_lines(), cache_folder(), facts()
    flagged, asked = asyncio.run(_flagged(known))
    found: dict[str, list[_Answer]] = {}
    for name, folder in (
        ("that was taught the facts", taught_model(known, cache, say)),
        ("that was not", prepare_smollm2(cache)),
    ):
        say(f"the model {name}")
        found[name] = asyncio.run(_answers(folder, cache, flagged, asked))
    write_section(
        "benchmarks-leaks.md",
        "What shows that a corruption was withstood",
        "python -m bench.leaks.withstood",
        _section(found, len(known)),
    )


async def _flagged(known: Sequence[Fact]) -> tuple[list[Fact], list[Asked]]:
    """The facts whose plain questions are flagged, and how they are asked for."""
    service = service_of_bundle(load_bundle(HARRY_POTTER))
    try:
        chosen = [
            (fact, asked)
            for fact, asked in zip(known, in_all_forms(known)[_FORM], strict=True)
            if (await service.classify(Conversation.from_openai_messages(asked[0], None))).flagged
        ]
    finally:
        await service.close()
    return [fact for fact, _ in chosen], [asked for _, asked in chosen]


async def _answers(folder: Path, cache: Path, known: Sequence[Fact], asked: Sequence[Asked]) -> list[_Answer]:
    bundle = load_bundle(HARRY_POTTER)
    (file,) = (each.corruption for each in bundle.models if each.corruption)
    model = ConversingModel.recorded(folder, load_corruption(file), cache)
    texts = model.answers(asked, [True] * len(asked))
    written = model.log_likelihoods(asked, texts, corrupted=False)
    corrupted = model.log_likelihoods(asked, texts, corrupted=True)
    service = service_of_bundle(bundle)

    async def flags(text: str, of: frozenset[str]) -> bool:
        return bool((await service.classify_answer(Exchange(Conversation(()), text, asked=of))).flagged)

    try:
        return [
            _Answer(
                text,
                fact.is_told_by(text),
                await flags(text, frozenset()),
                await flags(text, frozenset({bundle.name})),
                clean - after,
            )
            for fact, text, clean, after in zip(known, texts, written, corrupted, strict=True)
        ]
    finally:
        await service.close()


def _section(found: dict[str, list[_Answer]], known: int) -> str:
    rows = [
        [f"{name}, {kind}", *_row([each for each in answers if each.tells is tells])]
        for name, answers in found.items()
        for kind, tells in (("tells", True), ("tells nothing", False))
        if any(each.tells is tells for each in answers)
    ]
    told = [each for answers in found.values() for each in answers if each.tells]
    others = [each.gained for answers in found.values() for each in answers if not each.tells]
    return "\n\n".join(
        (
            f"{machine('torch', 'transformers', 'onnxruntime')}. Plain questions for {known} facts, those that are flagged, greedy, "
            f"{TOKENS} tokens, float32, with the shipped corruption. What of the answers of a small model is refused by the score of "
            "ordinary answers, by the lower one of what its prompt asks of, and if the model itself holds it at most "
            f"{_LESS_LIKELY:g} nats less likely to the prompt as it was written than to the corrupted one.",
            table(("model and answer", "ordinary score", "lower score", "as likely", "any"), rows),
            "Answers that tell, with the nats by which they are likelier to the prompt as it was written: "
            + ", ".join(
                f"*{each.text}* {each.gained:+.1f}" for each in sorted(told, key=lambda each: -each.gained)
            )
            + f". Of those that tell nothing it is {max(others):+.1f} at most.",
        )
    )


def _row(answers: Sequence[_Answer]) -> list[str]:
    rules = (
        [each.ordinary for each in answers],
        [each.asked for each in answers],
        [each.withstood for each in answers],
        [each.ordinary or each.asked or each.withstood for each in answers],
    )
    return [counted(sum(rule), len(answers)) for rule in rules]


if __name__ == "__main__":
    main()
