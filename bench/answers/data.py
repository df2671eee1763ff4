"""Answers with their questions, for the bench of heads for answers: such as tell of the books, and ordinary ones.

Knows data sets; knows nothing about classifiers.
"""

import gzip
import json
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any

from bench.classifier.data import data_folder, ordinary_prompts
from bench.traffic.requests import Names, Sources, texts_of_length
from lethe.classifier.conversation import Conversation
from lethe.classifier.exchange import Exchange
from lethe.offline.data.files import read_json_lines
from lethe.offline.data.ordinary_text import machine_folders

# In characters, some 60, 250 and 1,000 tokens.
_LENGTHS = (250, 1000, 4000)
_MOST_OF_A_SET = 250


def books_answers() -> dict[str, list[Exchange]]:
    """MUSE-Books' questions on the books with their true answers, which are mostly a few words."""
    return {
        f"MUSE-Books, {name}": [
            _exchange(row["question"], row["answer"]) for row in _json(f"muse/hp/knowmem/{file}.json")
        ]
        for name, file in (("forget", "forget_qa"), ("retain", "retain2_qa"))
    }


def books_passages(limit: int = 100) -> list[Exchange]:
    """What the books go on with, from MUSE-Books' verbatim test, as answers to a request to continue."""
    rows = json.loads(gzip.decompress((data_folder() / "muse/hp/verbmem/forget.json.gz").read_bytes()))
    return [_exchange("Continue the text.", row["gt"]) for row in rows[:limit]]


def ordinary_answers(names: Names) -> dict[str, list[Exchange]]:
    """Answers that have nothing to do with the books, those that name them left out.

    Data sets' own answers first; where a set has prompts alone, stretches of ordinary text of 250 to 4,000 characters answer
    these.
    """
    data = data_folder()
    sets: dict[str, Iterator[Exchange]] = {
        "TOFU, retain": _pairs("tofu/retain90.json", "answer"),
        "TOFU, real authors": _pairs("tofu/real_authors.json", "answer"),
        "TOFU, world facts": _pairs("tofu/world_facts.json", "answer"),
        "MUSE-News": chain(
            _pairs("muse/bbc/knowmem/forget_qa.json", "answer"),
            _pairs("muse/bbc/knowmem/retain2_qa.json", "answer"),
        ),
        "Alpaca seed tasks": (
            _exchange(f"{task['instruction']}\n{each['input']}".strip(), each["output"])
            for task in read_json_lines(data / "general/alpaca_seed_tasks.jsonl")
            for each in task["instances"]
        ),
        "MT-bench, references": (
            _exchange(question, answer)
            for row in read_json_lines(data / "general/mt_bench_question.jsonl")
            for question, answer in zip(row["turns"], row.get("reference") or (), strict=False)
        ),
        "airline records": (
            _exchange("Look up the customer's record.", row["tool_result"])
            for row in read_json_lines(data / "traffic/airline_tool_results.jsonl")
        ),
    }
    texts = _texts(Sources(machine_folders(), data))
    prompts: dict[str, list[Conversation]] = {
        name: [
            Conversation.from_prompt(row["text"]) for row in read_json_lines(data / f"traffic/{file}.jsonl")
        ]
        for name, file in (("FreshQA", "freshqa"), ("WritingBench", "writingbench_en"))
    }
    prompts["BFCL"] = [
        Conversation.from_openai_messages(row["messages"], row["tools"])
        for row in read_json_lines(data / "traffic/bfcl_requests.jsonl")
    ]
    prompts |= {
        f"{name}, prompts": [Conversation.from_prompt(text) for text in found]
        for name, found in ordinary_prompts().items()
    }
    for name, asked in prompts.items():
        sets[f"{name}, answered by ordinary text"] = (
            Exchange(question, text) for question, text in zip(asked, texts, strict=False)
        )
    return {
        name: list(islice((each for each in found if not _names_books(each, names)), _MOST_OF_A_SET))
        for name, found in sets.items()
    }


def _names_books(exchange: Exchange, names: Names) -> bool:
    return names.in_text(exchange.answer) or names.in_conversation(exchange.question)


def _texts(sources: Sources) -> Iterator[str]:
    streams = [texts_of_length(sources, length) for length in _LENGTHS]
    while True:
        for stream in streams:
            yield next(stream).text


def _exchange(question: str, answer: str) -> Exchange:
    return Exchange(Conversation.from_prompt(question), answer)


def _pairs(path: str, field: str) -> Iterator[Exchange]:
    return (_exchange(row["question"], row[field]) for row in _json(path))


def _json(path: str) -> list[Mapping[str, Any]]:
    text = (data_folder() / path).read_text()
    return json.loads(text) if text.startswith("[") else list(map(json.loads, text.splitlines()))
