"""What would find more of the shipped target, a lower threshold or facts of the books: ``python -m bench.classifier.harry_potter_facts``.

Needs LETHE_DATA_DIR. The facts are sentences in our own words that were written before anything was measured with them. No head is
trained: their score is added to that of the shipped heads, without first tiers.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.answers.data import ordinary_answers
from bench.classifier.bundle_service import service_of_bundle
from bench.classifier.data import (
    data_folder,
    fresh_questions,
    harry_potter_held_out,
    harry_potter_negatives,
    harry_potter_questions,
    ordinary_prompts,
)
from bench.leaks.asked import in_all_forms
from bench.leaks.data import facts, shortened
from bench.page import machine, table, write_section
from bench.repository import HARRY_POTTER
from bench.traffic.requests import Names, Sources, requests_of_length
from lethe.bundle import load_bundle
from lethe.classifier.conversation import Conversation
from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.encoders.loading import load_encoder
from lethe.classifier.exchange import Exchange, exchange_passages
from lethe.classifier.facts import FactBank
from lethe.classifier.head import Head, HeadBank, answer_head_folder, head_folder, load_head
from lethe.classifier.questions import LONGEST_QUESTION
from lethe.classifier.scoring import Scorer
from lethe.classifier.settings import ClassifierSettings
from lethe.classifier.text.canonical import canonicalise
from lethe.models.cache import cache_folder
from lethe.offline.classifier_training.embeddings import EmbeddingStore
from lethe.offline.classifier_training.fact_reading import read_facts
from lethe.offline.classifier_training.general_prompts import general_examples
from lethe.offline.data.files import read_lines
from lethe.offline.data.ordinary_text import machine_folders
from lethe.offline.metrics.intervals import counted

ABOUT = Path(__file__).with_name("harry_potter_about.txt")
# In log-odds, how much lower the threshold is.
_STEPS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
# What the score of the facts is multiplied by.
_WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0)
# How many more ordinary texts may be flagged.
_MORE = (0, 1, 2, 4, 8)
# Requests of so many characters.
_TRAFFIC = {2000: 420, 8000: 200}
# In characters, an exchange that is one window.
_LONGEST_EXCHANGE = 600


@dataclass(frozen=True)
class _Read:
    """How far above its threshold a text scores, and what it scores by facts."""

    margin: float
    told: float


class _Reader:
    """Reads questions and exchanges with the shipped heads and with facts."""

    def __init__(self, encoder: Encoder, prompts: Head, answers: Head) -> None:
        self._encoder = encoder
        settings = ClassifierSettings(spans=False, first_tier=False)
        self._prompts, self._answers = (
            Scorer(encoder, HeadBank([head], encoder), settings) for head in (prompts, answers)
        )
        ordinary = [canonicalise(example.text).text for example in general_examples()]
        with closing(EmbeddingStore(encoder, "int8", cache_folder() / "bench-facts.sqlite")) as store:
            found = read_facts(store, read_lines(ABOUT), prompts.names.names, ordinary)
        assert found is not None
        self._facts = FactBank([found])

    def question(self, text: str) -> _Read:
        return _Read(self._margin(self._prompts, [text]), self._told(text))

    def exchange(self, exchange: Exchange) -> _Read:
        passages = [passage.text for passage in exchange_passages(exchange)]
        return _Read(self._margin(self._answers, passages), self._told(passages[-1]))

    def _margin(self, scorer: Scorer, texts: Sequence[str]) -> float:
        highest = max(float(scorer.score_text(text).scores[0]) for text in texts)
        return highest - float(scorer.bank.thresholds[0])

    def _told(self, text: str) -> float:
        canonical = canonicalise(text).text
        ids = self._encoder.tokenize(canonical).ids[: self._encoder.maximum_tokens]
        return float(self._facts.scores(self._encoder.pool(self._encoder.encode(ids)), canonical)[0])


def main() -> None:
    """Measure and write the section."""
    bundle = load_bundle(HARRY_POTTER)
    prompts, answers = load_head(head_folder(bundle)), load_head(answer_head_folder(bundle))
    reader = _Reader(load_encoder(), prompts, answers)
    body = "\n\n".join(
        (
            machine("onnxruntime", "numpy"),
            f"{len(read_lines(ABOUT))} sentences tell what is known of the books, written in our own words before anything was measured with them "
            "(`bench/classifier/harry_potter_about.txt`). Who wrote them had read no questions of a test, but the answers that benchmarks-leaks.md names. The shipped heads do not read them. In parentheses: the 95 % interval.",
            f"Questions that are flagged, by how much lower than {prompts.threshold:g} the threshold is, in log-odds of the score; of those of the leaks' bench in "
            "all its forms; of FreshQA's, some of which ask about the target; of MT-bench, Vicuna-bench, the Alpaca seed tasks, TOFU and MUSE-News; of "
            "questions about people and things that share a name with the books'; of ordinary requests of 2,000 and 8,000 characters, as the bench of traffic makes them:",
            _thresholds(prompts),
            *_of_questions(reader),
            *_of_exchanges(reader, prompts),
        )
    )
    write_section(
        "benchmarks-classifier.md",
        "Facts of the books, or a lower threshold",
        "python -m bench.classifier.harry_potter_facts",
        body,
    )


def _thresholds(head: Head) -> str:
    asked = [messages for form in in_all_forms(facts()).values() for messages, _ in form]
    sets = {
        **_conversations(_asked()),
        "leaks' bench": [Conversation.from_openai_messages(messages, None) for messages in asked],
        **_conversations(_ordinary()),
        **_conversations({"namesakes": harry_potter_negatives()["namesakes"]}),
        **_traffic(Names(head.entities)),
    }
    found = {name: asyncio.run(_reach(each)) for name, each in sets.items()}
    shipped = head.calibration.score(head.threshold)
    rows: list[list[str]] = []
    for step in _STEPS:
        threshold = float(head.calibration.probability(shipped - step))
        counts = [counted(int(np.sum(each >= threshold)), len(each)) for each in found.values()]
        rows.append([f"{step:g}", f"{threshold:.3f}", *counts])
    return table(["lower by", "probability", *sets], rows)


def _asked() -> dict[str, list[str]]:
    """Questions on the books that nothing was trained with."""
    return {**harry_potter_questions(), "others": harry_potter_held_out()}


def _ordinary() -> dict[str, list[str]]:
    others = harry_potter_negatives()
    chosen = [*ordinary_prompts(), "real authors", "world facts", "TOFU retain", "MUSE-News questions"]
    return {"FreshQA": fresh_questions(), "ordinary": [text for name in chosen for text in others[name]]}


def _traffic(names: Names) -> dict[str, list[Conversation]]:
    sources = Sources(machine_folders(), data_folder())
    made = {
        f"{length:,} characters": islice(requests_of_length(sources, length), count)
        for length, count in _TRAFFIC.items()
    }
    return {
        name: [each.conversation for each in found if not names.in_conversation(each.conversation)]
        for name, found in made.items()
    }


def _short(sets: Mapping[str, list[str]]) -> list[str]:
    return [text for text in dict.fromkeys(chain(*sets.values())) if len(text) <= LONGEST_QUESTION]


def _conversations(sets: Mapping[str, list[str]]) -> dict[str, list[Conversation]]:
    return {name: [Conversation.from_prompt(text) for text in texts] for name, texts in sets.items()}


async def _reach(conversations: Sequence[Conversation]) -> NDArray[np.float64]:
    service = service_of_bundle(load_bundle(HARRY_POTTER))
    try:
        return np.array([(await service.classify(each)).targets[0].reach for each in conversations])
    finally:
        await service.close()


def _of_questions(reader: _Reader) -> list[str]:
    asked, ordinary = _short(_asked()), _short(_ordinary())
    read = [reader.question(text) for text in asked]
    flagged = sum(each.margin >= 0 for each in read)
    return [
        f"Of {len(asked)} such questions on the books {flagged} are flagged. How many are flagged besides, if facts are added with a "
        f"weight and as many more of the {len(ordinary):,} ordinary ones are flagged; the best weight was not known before:",
        _found_besides(read, [reader.question(text) for text in ordinary]),
    ]


def _of_exchanges(reader: _Reader, head: Head) -> list[str]:
    exchanges = [
        Exchange(Conversation.from_prompt(question), fact.answer)
        for fact in facts(every=True)
        for question in (fact.question, shortened(fact.question))
    ]
    asked = asyncio.run(_reach([each.question for each in exchanges]))
    left = [each for each, found in zip(exchanges, asked, strict=True) if found < head.threshold]
    ordinary = [
        each
        for each in chain(*ordinary_answers(Names(head.entities)).values())
        if each.answer.strip() and _length(each) <= _LONGEST_EXCHANGE
    ]
    read = [reader.exchange(each) for each in left]
    flagged = sum(each.margin >= 0 for each in read)
    return [
        f"Of {len(left)} true answers to questions that are not flagged, plain or with names as initials, {flagged} are flagged. How many are "
        f"flagged besides, if question and answer are read together as facts are, and as many more of {len(ordinary):,} ordinary exchanges "
        f"of no more than {_LONGEST_EXCHANGE} characters are flagged:",
        _found_besides(read, [reader.exchange(each) for each in ordinary]),
    ]


def _length(exchange: Exchange) -> int:
    return sum(len(message.text) for message in exchange.question.messages) + len(exchange.answer)


def _found_besides(sought: Sequence[_Read], ordinary: Sequence[_Read]) -> str:
    """What is flagged of what is not flagged yet, by weight and by how many ordinary texts are flagged more."""
    missed, spared = ([each for each in side if each.margin < 0] for side in (sought, ordinary))
    rows: list[list[str]] = []
    for weight in _WEIGHTS:
        scores, others = (
            np.array([each.margin + weight * each.told for each in side]) for side in (missed, spared)
        )
        limits = np.sort(others)[::-1]
        rows.append(
            [
                f"{weight:g}" if weight else "none",
                *(str(int(np.sum(scores > limits[more]))) for more in _MORE),
            ]
        )
    return table(["weight", *(f"{more} more" for more in _MORE)], rows)


if __name__ == "__main__":
    main()
