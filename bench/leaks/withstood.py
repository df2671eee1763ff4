"""What shows that a model withstood a corruption: ``python -m bench.leaks.withstood``. Needs LETHE_DATA_DIR.

Answers to corrupted prompts, of a model that knows the target and of one that does not: which of them are refused by the score of
ordinary traffic, by the lower one of what a prompt asks of, by a rare name of the target, and by how likely the same model holds the
answer to the prompt as it was written. An answer that the corruption made is unlikely to that; one that the model knew all the same
is as likely. What was answered is kept.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.answers.data import ordinary_answers
from bench.classifier.bundle_service import service_of_bundle
from bench.leaks.asked import TOKENS, Asked, in_all_forms
from bench.leaks.conversing import ConversingModel
from bench.leaks.data import Fact, facts
from bench.leaks.model import taught_model
from bench.page import machine, table, write_section
from bench.repository import HARRY_POTTER
from bench.reproduction.command import timed_lines
from bench.traffic.requests import Names
from lethe.bundle import load_bundle
from lethe.classifier.conversation import Conversation
from lethe.classifier.exchange import Exchange
from lethe.classifier.head import answer_head_folder, load_head
from lethe.classifier.names import NameIndex, name_forms
from lethe.classifier.text.canonical import canonicalise
from lethe.corruption.artifact import load_corruption
from lethe.models.cache import cache_folder
from lethe.models.smollm2 import prepare_smollm2
from lethe.offline.metrics.intervals import counted

_FORM = "plain question"
# In nats: the answer is at most so much less likely to the prompt as it was written than to the corrupted one.
_LESS_LIKELY = 3.0
# Characters of an ordinary answer in which a name is looked for: later, the model has told or not.
_BEGINNING = 600


class _RareNames:
    """The words of a target's names, where they are written with capitals.

    Parameters
    ----------
    ordinary
        Answers; the words that any of them has are left out.
    """

    def __init__(self, entities: Sequence[str], ordinary: Sequence[Exchange]) -> None:
        self._forms = list(name_forms(entities))
        self._index = NameIndex(self._forms)
        self._common = {form for each in ordinary for form in self._words(each.answer, capital=True)}

    def brought(self, answer: str, prompt: str) -> bool:
        """Whether an answer has one that its prompt does not have."""
        said = self._words(answer, capital=True) - self._common
        return bool(said and said - self._words(prompt, capital=False))

    def _words(self, text: str, *, capital: bool) -> set[str]:
        canonical = canonicalise(text).text
        return {
            self._forms[match.form]
            for match in self._index.find(canonical)
            if not capital or canonical[match.start].isupper()
        }


@dataclass(frozen=True)
class _Answer:
    """An answer to a corrupted prompt.

    Attributes
    ----------
    ordinary, asked
        Whether it is flagged by the score of ordinary answers, and by the lower one of what its prompt asks of.
    named
        Whether it brings a rare name of the target.
    gained
        By how much likelier it is to the prompt as it was written than to the corrupted one, in nats.
    """

    text: str
    tells: bool
    ordinary: bool
    asked: bool
    named: bool
    gained: float

    @property
    def withstood(self) -> bool:
        return self.gained >= -_LESS_LIKELY


def main() -> None:
    """Measure both models, and write the section."""
    say, cache, known = timed_lines(), cache_folder(), facts()
    ordinary = [each for some in ordinary_answers(Names(())).values() for each in some]
    names = _RareNames(load_head(answer_head_folder(load_bundle(HARRY_POTTER))).entities, ordinary[::2])
    flagged, asked = asyncio.run(_flagged(known))
    found: dict[str, list[_Answer]] = {}
    for name, folder in (
        ("that was taught the facts", taught_model(known, cache, say)),
        ("that was not", prepare_smollm2(cache)),
    ):
        say(f"the model {name}")
        found[name] = asyncio.run(_answers(folder, cache, flagged, asked, names))
    write_section(
        "benchmarks-leaks.md",
        "What shows that a corruption was withstood",
        "python -m bench.leaks.withstood",
        _section(found, len(known), names, ordinary[1::2]),
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


async def _answers(
    folder: Path, cache: Path, known: Sequence[Fact], asked: Sequence[Asked], names: _RareNames
) -> list[_Answer]:
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
                names.brought(text, fact.question),
                clean - after,
            )
            for fact, text, clean, after in zip(known, texts, written, corrupted, strict=True)
        ]
    finally:
        await service.close()


def _section(
    found: dict[str, list[_Answer]], known: int, names: _RareNames, ordinary: Sequence[Exchange]
) -> str:
    rows = [
        [f"{name}, {kind}", *_row([each for each in answers if each.tells is tells])]
        for name, answers in found.items()
        for kind, tells in (("tells", True), ("tells nothing", False))
        if any(each.tells is tells for each in answers)
    ]
    told = [each for answers in found.values() for each in answers if each.tells]
    others = [each.gained for answers in found.values() for each in answers if not each.tells]
    naming = sum(
        names.brought(each.answer[:_BEGINNING], "\n".join(turn.text for turn in each.question.messages))
        for each in ordinary
    )
    return "\n\n".join(
        (
            f"{machine('torch', 'transformers', 'onnxruntime')}. Plain questions for {known} facts, those that are flagged, greedy, "
            f"{TOKENS} tokens, float32, with the shipped corruption. What of the answers of a small model is refused by the score of "
            "ordinary answers, by the lower one of what its prompt asks of, if it brings a word of the target's names, written with a "
            "capital, that neither the question nor half of the ordinary answers have, and if the model itself holds it at most "
            f"{_LESS_LIKELY:g} nats less likely to the prompt as it was written than to the corrupted one.",
            table(
                ("model and answer", "ordinary score", "lower score", "a rare name", "as likely", "any"), rows
            ),
            "Answers that tell, with the nats by which they are likelier to the prompt as it was written: "
            + ", ".join(
                f"*{each.text}* {each.gained:+.1f}" for each in sorted(told, key=lambda each: -each.gained)
            )
            + f". Of those that tell nothing it is {max(others):+.1f} at most.",
            f"Of the other half of the ordinary answers, {counted(naming, len(ordinary))} bring such a name in their first {_BEGINNING} "
            "characters.",
        )
    )


def _row(answers: Sequence[_Answer]) -> list[str]:
    rules = (
        [each.ordinary for each in answers],
        [each.asked for each in answers],
        [each.named for each in answers],
        [each.withstood for each in answers],
        [each.ordinary or each.asked or each.named or each.withstood for each in answers],
    )
    return [counted(sum(rule), len(answers)) for rule in rules]


if __name__ == "__main__":
    main()
