"""The field's data sets as the classifier bench uses them: what is trained on, and what is only tested on."""

import gzip
import json
import os
import re
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lethe.offline.classifier_training.examples import Example, load_examples
from lethe.offline.classifier_training.general_prompts import general_examples

_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_NEWS_SENTENCES = 4000
_DOMAINS = ("bio", "chem", "cyber")


@dataclass(frozen=True)
class Task:
    """A classifier to train and what to try it on; test prompts are never trained on.

    Attributes
    ----------
    forget, retain
        What it is trained on, beside the project's own ordinary prompts.
    positives, negatives
        Test prompts by the name of their set.
    """

    name: str
    forget: list[Example]
    retain: list[Example]
    positives: Mapping[str, list[str]]
    negatives: Mapping[str, list[str]]


def data_folder() -> Path:
    """Where the data sets lie: ``LETHE_DATA_DIR``."""
    folder = os.environ.get("LETHE_DATA_DIR")
    if not folder or not Path(folder).is_dir():
        raise SystemExit("set LETHE_DATA_DIR to a folder with tofu/, muse/, wmdp_synthetic/ and general/")
    return Path(folder)


def fetched_folders() -> tuple[Path, ...]:
    """Folders of packages that `make ordinary-packages` fetched: those in ``LETHE_PACKAGES_DIR``, if it is set."""
    folder = os.environ.get("LETHE_PACKAGES_DIR")
    if not folder:
        return ()
    return tuple(sorted(each for each in Path(folder).iterdir() if each.is_dir()))


def ordinary_prompts() -> dict[str, list[str]]:
    """Prompts of MT-bench, Vicuna-bench and the Alpaca seed tasks."""
    data = data_folder() / "general"
    tests = {
        name: [example.text for example in load_examples(str(data / file), ["turns"])]
        for name, file in (
            ("MT-bench", "mt_bench_question.jsonl"),
            ("Vicuna-bench", "vicuna_bench_question.jsonl"),
        )
    }
    tasks = map(json.loads, (data / "alpaca_seed_tasks.jsonl").read_text().splitlines())
    tests["Alpaca seed tasks"] = [
        f"{task['instruction']}\n{task['instances'][0]['input']}".strip() for task in tasks
    ]
    return tests


def fresh_questions() -> list[str]:
    """FreshQA's questions, some of which ask about the books."""
    lines = gzip.decompress((data_folder() / "traffic/freshqa.jsonl.gz").read_bytes()).decode().splitlines()
    return [json.loads(line)["text"] for line in lines]


def ordinary_tests() -> dict[str, list[str]]:
    """Ordinary prompts, and what people paste: stretches of MUSE-News' articles and of Python's own library."""
    tests = ordinary_prompts()
    for name, text in (("news", _news()), ("code", _code())):
        for characters, count in ((1500, 200), (6000, 100)):
            step = len(text) // count
            tests[f"{name}, {characters:,} characters"] = [
                text[n * step : n * step + characters] for n in range(count)
            ]
    return tests


def ordinary_training() -> list[Example]:
    return general_examples()


def tofu(forget: str, retain: str) -> Task:
    """One split of TOFU: trained on questions, tried on paraphrases."""
    negatives = {
        "retain, paraphrased": _field("tofu/retain_perturbed.json", "paraphrased_question"),
        "real authors": _field("tofu/real_authors.json", "question"),
        "world facts": _field("tofu/world_facts.json", "question"),
        **ordinary_tests(),
    }
    return Task(
        f"TOFU {forget}",
        _examples(f"tofu/{forget}.json"),
        _examples(f"tofu/{retain}.json"),
        {"forget, paraphrased": _field(f"tofu/{forget}_perturbed.json", "paraphrased_question")},
        negatives,
    )


def muse_news() -> Task:
    """MUSE-News: trained on sentences of the articles, tried on questions about them."""
    retained = json.loads(gzip.decompress((data_folder() / "muse/bbc/privleak/retain2.json.gz").read_bytes()))
    articles = _news()
    retain = _sentences("\n".join(retained))
    # Every article carries the site's own phrases ("This video can not be played"), which are nobody's news.
    kept = {example.text.lower() for example in retain}
    forget = [example for example in _sentences(articles) if example.text.lower() not in kept]
    return Task(
        "MUSE-News",
        forget,
        retain,
        {"forget questions": _field("muse/bbc/knowmem/forget_qa.json", "question")},
        {"retain questions": _field("muse/bbc/knowmem/retain2_qa.json", "question"), **ordinary_prompts()},
    )


def wmdp(*domains: str) -> Task:
    """The synthetic questions of WMDP domains: trained on the first half of each, tried on the second.

    The questions of the other domains are kept, and world facts where there are none.
    """
    questions = {domain: _field(f"wmdp_synthetic/{domain}.csv", "question") for domain in _DOMAINS}
    halves = {domain: len(questions[domain]) // 2 for domain in domains}
    return Task(
        f"synthetic WMDP, {' and '.join(domains)}",
        [Example(question) for domain in domains for question in questions[domain][: halves[domain]]],
        [Example(q) for domain in _DOMAINS if domain not in domains for q in questions[domain]]
        or _examples("tofu/world_facts.json"),
        {f"held-out questions, {domain}": questions[domain][halves[domain] :] for domain in domains},
        ordinary_tests(),
    )


def harry_potter_questions() -> dict[str, list[str]]:
    """Questions on the books, from MUSE-Books: both of its sides are about them."""
    return {
        "MUSE-Books, forget": _field("muse/hp/knowmem/forget_qa.json", "question"),
        "MUSE-Books, retain": _field("muse/hp/knowmem/retain2_qa.json", "question"),
    }


def harry_potter_held_out() -> list[str]:
    """Questions on the books that nothing was made with: MUSE-Books' own examples, and ours on every thirtieth sentence of its wiki."""
    ours = Path(__file__).with_name("harry_potter_wiki_questions.txt").read_text().splitlines()
    examples = (_field(f"muse/hp/knowmem/{part}_qa_icl.json", "question") for part in ("forget", "retain2"))
    return [*ours, *(text for texts in examples for text in texts)]


# People and things that share a name with the books'. None of them is among the target's own namesakes.
_NAMESAKES = (
    "When did Harry Selfridge open his shop?",
    "Summarise the career of Harry Carey.",
    "What did Harry Blackmun decide?", "Who sang with Harry Chapin?", "Is Harry's Law a good series?", "What kind of cat is Harry in Harry and Tonto?",
    "My colleague Harry is retiring. Write him a card.", "Harry has 12 apples and gives Ron 5. How many are left?", 
    "Who was the potter Clarice Cliff?", "Where is Potters Bar?", "Which clay do potters use for stoneware?", "What is the Potter Box in ethics?",
    "Which songs did Ron Wood write?", "What is Ron Mueck's best-known sculpture?",
    "Which island is Hermione Island?", "What became of HMS Hermione?", "How far away is the star Bellatrix?",
    "What is Luna Park in Sydney?", "Who owns Draco Motorcycles?", "Where is Dudley Castle?",
    "What is Moody's credit rating scale?", "Who is Sirius the Dog in mythology?", "How do I plant lupins in sandy soil?",
    "What is a Minerva watch worth?", "Tell me about Cedric Villani.", "Who was Lily Parr?", 
    "Which wizard advises King Arthur?", "Where can I buy a real besom broom?", "What is the Sorcerer's Apprentice in Fantasia?", "What does a patronage system mean?",
)  # fmt: skip


def harry_potter_passages(limit: int = 100) -> list[str]:
    """Beginnings of passages of the books, from MUSE-Books' verbatim test."""
    raw = gzip.decompress((data_folder() / "muse/hp/verbmem/forget.json.gz").read_bytes())
    rows: list[Any] = json.loads(raw)
    return [row["prompt"] for row in rows[:limit]]


def harry_potter_negatives() -> dict[str, list[str]]:
    """Prompts that have nothing to do with the books, those that name them left out."""
    sets = {
        "real authors": _field("tofu/real_authors.json", "question"),
        "world facts": _field("tofu/world_facts.json", "question"),
        "MUSE-News questions": _field("muse/bbc/knowmem/forget_qa.json", "question"),
        "TOFU retain": _field("tofu/retain_perturbed.json", "question"),
        "namesakes": list(_NAMESAKES),
        **ordinary_tests(),
    }
    return {name: [text for text in texts if "Harry Potter" not in text] for name, texts in sets.items()}


def _news() -> str:
    return gzip.decompress((data_folder() / "muse/bbc/forget.txt.gz").read_bytes()).decode()


def _code() -> str:
    library = Path(sysconfig.get_path("stdlib"))
    return "\n".join(file.read_text(errors="replace") for file in sorted(library.glob("*.py")))


def _field(path: str, field: str) -> list[str]:
    return [example.text for example in load_examples(str(data_folder() / path), [field])]


def _examples(path: str) -> list[Example]:
    return load_examples(str(data_folder() / path), ["question"])


def _sentences(text: str) -> list[Example]:
    sentences = [
        part for line in text.splitlines() for part in _SENTENCE.split(line) if 40 <= len(part) <= 400
    ]
    step = max(1, len(sentences) // _NEWS_SENTENCES)
    return [Example(sentence) for sentence in sentences[::step]]
