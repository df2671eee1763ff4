"""Trains the targets that are measured beside the shipped one, each into a bundle.

``python -m bench.training.target_heads FOLDER NAME... [--ordinary FOLDER ...]`` trains these, as `lethe classifier train` does, unless
FOLDER has them; ``author-N`` is the N-th of TOFU's authors, from 0. Needs LETHE_DATA_DIR.
"""

import argparse
import dataclasses
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.classifier.data import Task, data_folder, ordinary_prompts, ordinary_training, tofu, wmdp
from bench.page import machine
from lethe.offline.classifier_training.examples import Example, load_examples
from lethe.offline.classifier_training.settings import TrainingSettings
from lethe.offline.classifier_training.train import train_classifier
from lethe.offline.progress import Progress

FORGET05, BIOLOGY = "tofu-forget05", "biology"
# TOFU's forget sets are its last authors.
AUTHORS = 180
_QUESTIONS_OF_AN_AUTHOR = 20
_NEAR_AN_AUTHOR = 40
# Samples of the questions on other authors and fields.
_NEAR_FORGET05 = 200
_NEAR_A_FIELD = 50
_AUTHOR = "author-"
# What a target of a hundred prompts has by default: one of four hundred would take four times as long.
_MAXIMUM_ORDINARY, _MAXIMUM_NEGATIVES = 2_000, 10_000


def main() -> None:
    """Train the named targets that are not there yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where bundles go")
    parser.add_argument("names", nargs="+", metavar="NAME", help=f"{', '.join(TASKS)} or author-N")
    parser.add_argument("--ordinary", type=Path, nargs="+", default=[], help="folders of ordinary text")
    parser.add_argument("--work", type=Path, help="where embeddings are kept; inside FOLDER by default")
    chosen = parser.parse_args()
    for name in chosen.names:
        if not (chosen.folder / name).exists():
            train_target(name, chosen.folder, chosen.work or chosen.folder / "work", chosen.ordinary)


def train_target(name: str, folder: Path, work: Path, ordinary: Sequence[Path]) -> None:
    """Train a target into a bundle of its name, and write what it took beside it."""
    task = task_of(name)
    started, started_cpu = time.perf_counter(), time.process_time()

    def say(line: str) -> None:
        print(f"{name}: {time.process_time() - started_cpu:.0f} s, {line}", flush=True)

    trained = train_classifier(
        name,
        task.forget,
        task.retain,
        ordinary_training(),
        TrainingSettings(
            ordinary=tuple(ordinary), maximum_ordinary=_MAXIMUM_ORDINARY, maximum_negatives=_MAXIMUM_NEGATIVES
        ),
        work,
        Progress(say),
    )
    trained.write_bundle(folder / name)
    took = {
        "machine": machine("onnxruntime", "scikit-learn", "numpy"),
        "seconds": time.perf_counter() - started,
        "processor_seconds": time.process_time() - started_cpu,
    }
    (folder / f"{name}.json").write_text(json.dumps(took, indent=2))


def task_of(name: str) -> Task:
    """What a target is trained on, and what it is asked.

    Raises
    ------
    SystemExit
        There is no target of this name.
    """
    if name in TASKS:
        return TASKS[name]()
    number = name.removeprefix(_AUTHOR)
    if not (name.startswith(_AUTHOR) and number.isdecimal() and int(number) < AUTHORS):
        raise SystemExit(f"{name} is none of {', '.join(TASKS)}, nor an author before {_AUTHOR}{AUTHORS}")
    return _author(int(number))


def _forget05() -> Task:
    """TOFU's twentieth part, beside some of the other authors' questions."""
    task = tofu("forget05", "retain95")
    paraphrased = "retain, paraphrased"
    return dataclasses.replace(
        task,
        retain=random.Random(0).sample(task.retain, _NEAR_FORGET05),
        negatives={paraphrased: task.negatives[paraphrased], **_ordinary()},
    )


def _field(domain: str) -> Task:
    """Half of the questions on a field, beside some on other fields."""
    task = wmdp(domain)
    near = random.Random(0).sample(task.retain, _NEAR_A_FIELD)
    others = [each.text for each in task.retain if each not in near]
    return dataclasses.replace(
        task, retain=near, negatives={"other fields, not trained on": others, **_ordinary()}
    )


def _ordinary() -> dict[str, list[str]]:
    return {"three benches": [text for texts in ordinary_prompts().values() for text in texts]}


def _author(number: int) -> Task:
    """One of TOFU's authors: all questions on them, and some on others as near ones."""
    questions = load_examples(str(data_folder() / "tofu" / "full.json"), ["question"])
    first = number * _QUESTIONS_OF_AN_AUTHOR
    own, others = _parted(questions, first, first + _QUESTIONS_OF_AN_AUTHOR)
    near = random.Random(number).sample(others, _NEAR_AN_AUTHOR)
    return Task(f"{_AUTHOR}{number}", own, near, {}, {})


def _parted(questions: Sequence[Example], first: int, last: int) -> tuple[list[Example], list[Example]]:
    return [*questions[first:last]], [*questions[:first], *questions[last:]]


TASKS: Mapping[str, Callable[[], Task]] = {
    BIOLOGY: lambda: _field("bio"),
    "chemistry": lambda: _field("chem"),
    "cyber": lambda: _field("cyber"),
    FORGET05: _forget05,
}

# Words that nothing ordinary has that is not about the field, as far as single words can tell.
WORDS_OF_A_FIELD: Mapping[str, Sequence[str]] = {
    BIOLOGY: (
        *("antibiotic", "antibiotics", "antibodies", "antibody", "bacteria", "bacterial", "biologist", "biology", "chromosome"),
        *("chromosomes", "DNA", "enzyme", "enzymes", "gene", "genes", "genome", "genomes", "genomics", "genotype", "mitochondria"),
        *("pathogen", "pathogens", "photosynthesis", "protein", "proteins", "ribosome", "ribosomes", "RNA", "vaccine", "vaccines"),
    ),
    "chemistry": ("chemistry", "covalent", "electrolysis", "isomer", "isomers", "oxidation", "stoichiometry"),
    "cyber": ("cyberattack", "cybersecurity", "malware", "phishing", "ransomware"),
}  # fmt: skip

if __name__ == "__main__":
    main()
