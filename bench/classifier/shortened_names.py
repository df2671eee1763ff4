"""What is found where names are shortened to their letter: ``python -m bench.classifier.shortened_names``. Needs LETHE_DATA_DIR.

Of MUSE-Books those questions are asked that ``make bench-leaks`` does not teach a model.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from bench.answers.data import ordinary_answers
from bench.classifier.bundle_service import service_of_bundle
from bench.classifier.data import data_folder, ordinary_tests
from bench.leaks.data import shortened, untaught_facts
from bench.page import machine, table, write_section
from bench.repository import HARRY_POTTER
from bench.traffic.requests import Names
from lethe.bundle import load_bundle
from lethe.classifier.conversation import Conversation
from lethe.classifier.disguises.shortened_names import has_shortened
from lethe.classifier.exchange import Exchange
from lethe.classifier.head import head_folder, load_head
from lethe.offline.classifier_training.general_prompts import general_examples
from lethe.offline.data.files import read_json_lines, read_json_list
from lethe.offline.metrics.intervals import counted

_OTHERS = ("TOFU, retain", "TOFU, real authors", "TOFU, world facts", "MUSE-News")
_OF_EACH = 60


async def _measure() -> str:
    bundle = load_bundle(HARRY_POTTER)
    service = service_of_bundle(bundle)

    async def flagged(exchange: Exchange) -> tuple[bool, bool]:
        prompt = await service.classify(exchange.question)
        return bool(prompt.flagged), bool((await service.classify_answer(exchange)).flagged)

    try:
        ordinary = ordinary_answers(Names(load_head(head_folder(bundle)).entities))
        asked = {"MUSE-Books": list(_books())} | {name: ordinary[name][:_OF_EACH] for name in _OTHERS}
        found = {
            name: [(await flagged(each), await flagged(_with_names_shortened(each))) for each in exchanges]
            for name, exchanges in asked.items()
        }
        prompts = list(_ordinary_prompts())
        having = [text for text in prompts if has_shortened(text)]
        wrong = [bool((await service.classify(Conversation.from_prompt(text))).flagged) for text in having]
    finally:
        await service.close()
    rows = [
        [
            name,
            counted(sum(whole[0] for whole, _ in verdicts), len(verdicts)),
            counted(sum(short[0] for _, short in verdicts), len(verdicts)),
            counted(sum(short[1] for _, short in verdicts), len(verdicts)),
            counted(sum(any(short) for _, short in verdicts), len(verdicts)),
        ]
        for name, verdicts in found.items()
    ]
    return "\n\n".join(
        (
            f"{machine('onnxruntime', 'numpy')}. Questions with their true answers, every name of the question shortened to its first letter.",
            table(
                (
                    "questions",
                    "whole, prompt flagged",
                    "shortened, prompt flagged",
                    "answer flagged",
                    "either",
                ),
                rows,
            ),
            f"Of {len(prompts):,} ordinary prompts and pages {len(having)} have an initial that stands alone; "
            f"of these are flagged {sum(wrong)}.",
        )
    )


def _books() -> Iterator[Exchange]:
    rows = read_json_list(data_folder() / "muse/hp/knowmem/retain2_qa.json")
    pairs = chain(
        ((row["question"], row["answer"]) for row in rows),
        ((fact.question, fact.answer) for fact in untaught_facts()),
    )
    return (Exchange(Conversation.from_prompt(question), answer) for question, answer in pairs)


def _with_names_shortened(exchange: Exchange) -> Exchange:
    return replace(exchange, question=Conversation.from_prompt(shortened(exchange.question.messages[0].text)))


def _ordinary_prompts() -> Iterator[str]:
    data = data_folder()
    for name in ("freshqa", "writingbench_en"):
        yield from (row["text"] for row in read_json_lines(data / f"traffic/{name}.jsonl"))
    for texts in ordinary_tests().values():
        yield from texts
    for name in ("retain90", "real_authors", "world_facts"):
        yield from (row["question"] for row in read_json_lines(data / f"tofu/{name}.json"))
    yield from (each.text for each in general_examples())


if __name__ == "__main__":
    write_section(
        "benchmarks-classifier.md",
        "Names shortened",
        "python -m bench.classifier.shortened_names",
        asyncio.run(_measure()),
    )
