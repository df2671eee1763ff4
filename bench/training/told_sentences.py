"""Measures what questions find that describe a target, by how many sentences are told of it; writes docs/benchmarks-classifier.md.

``python -m bench.training.told_sentences WORK [KIND ...]`` fits the part of a head that judges questions, without the rest, and keeps
embeddings and outcomes in the folder WORK; the page is written from all that are kept there. Nothing is asked of what the targets are
tested with: of the prompts to forget those that do not name the target are held out in turns, and so are near ones.
"""

import argparse
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from bench.page import machine, table, write_section
from bench.training.few_prompts import DATA, KINDS, names_abroad, names_of
from lethe.classifier.encoders.loading import load_encoder
from lethe.classifier.names import GroupedNames, name_forms
from lethe.classifier.questions import QuestionBank
from lethe.classifier.spans import entity_spans
from lethe.classifier.text.canonical import canonicalise
from lethe.offline.classifier_training.embeddings import EmbeddingStore
from lethe.offline.classifier_training.example_set import ExampleSet, make_example_set
from lethe.offline.classifier_training.examples import Example, load_examples
from lethe.offline.classifier_training.fact_reading import read_facts
from lethe.offline.classifier_training.general_prompts import general_examples
from lethe.offline.classifier_training.ordinary_choice import sample_groups, without_target
from lethe.offline.classifier_training.question_fitting import (
    ORDINARY,
    QuestionSet,
    fit_questions,
    question_set,
)
from lethe.offline.classifier_training.settings import TrainingSettings
from lethe.offline.classifier_training.vocabulary import random_sentences
from lethe.offline.metrics.intervals import counted
from lethe.offline.progress import Progress

_PAGE = "benchmarks-classifier.md"
_SHARES = (0.125, 0.25, 0.5, 1.0)
_FOLDS = 4
_ORDINARY = 2_000


def main() -> None:
    """Measure the named targets, and write the page from all that were ever measured there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="where embeddings and outcomes are kept")
    parser.add_argument(
        "kinds", nargs="*", metavar="KIND", help=f"some of {', '.join(KINDS)}; all by default"
    )
    chosen = parser.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    for kind in chosen.kinds or KINDS:
        outcome = chosen.work / f"sentences-{kind}.json"
        if not outcome.is_file():
            outcome.write_text(json.dumps(_measured(kind, chosen.work), indent=2))
    kept = {
        kind: json.loads(path.read_text())
        for kind in KINDS
        if (path := chosen.work / f"sentences-{kind}.json").is_file()
    }
    rows = [
        [kind, str(row["sentences"]), counted(*row["described"]), counted(*row["near"])]
        for kind, outcome in kept.items()
        for row in outcome
    ]
    pooled = [
        [
            f"{100 * share:g} %",
            *(
                _pooled(side, (outcome[number] for outcome in kept.values()))
                for side in ("described", "near")
            ),
        ]
        for number, share in enumerate(_SHARES)
    ]
    body = (
        f"{machine('scikit-learn', 'numpy')}.\n\n"
        "The part of a head that judges questions, fitted for the targets from few prompts above, and for two that are there to develop on, "
        "with fewer of the sentences that tell of them, which are drawn at random. Asked are training prompts, none of those that targets are "
        f"tested with: those to forget that do not name the target, held out by a {_FOLDS}th at a time, and near ones, likewise.\n\n"
        + table(["sentences told", "described, found", "near, flagged"], pooled)
        + "\n\n"
        + table(["target", "sentences told", "described, found", "near, flagged"], rows)
    )
    write_section(
        _PAGE, "Sentences told of a target", "python -m bench.training.told_sentences .few-prompts", body
    )


def _pooled(side: str, rows: Iterable[dict[str, tuple[int, int]]]) -> str:
    flagged, asked = np.sum([row[side] for row in rows], axis=0).tolist()
    return counted(flagged, asked)


def _measured(kind: str, work: Path) -> list[dict[str, object]]:
    """For each share of the sentences, how many held-out prompts are flagged and how many there are."""
    names = (*names_of(kind), *names_abroad(kind))
    forget, near = (load_examples(str(DATA / kind / f"{side}.jsonl")) for side in ("forget", "near"))
    told = [line for line in (DATA / kind / "about.txt").read_text().splitlines() if line.strip()]
    random.Random(kind).shuffle(told)
    settings = TrainingSettings(entity_names=names)
    ordinary = sample_groups(without_target(general_examples(), forget, names), _ORDINARY, settings.seed)
    described = [example for example in forget if not entity_spans(names, example.text)]
    encoder = load_encoder()
    forms = (*name_forms(names),)
    grouped = GroupedNames(forms, np.zeros(len(forms), np.int64), 1)
    some = [told[: round(share * len(told))] for share in _SHARES]
    flags: list[dict[str, list[bool]]] = [{"described": [], "near": []} for _ in _SHARES]
    with closing(EmbeddingStore(encoder, settings.precision, work / "sentences.sqlite")) as store:
        examples = make_example_set(forget, near, ordinary, store, Progress())
        for fold in range(_FOLDS):
            held_out = {"described": described[fold::_FOLDS], "near": near[fold::_FOLDS]}
            questions = _questions(store, examples, held_out, settings)
            asked = [
                text for text, side in zip(questions.texts, questions.side, strict=True) if side == ORDINARY
            ]
            for sentences, found in zip(some, flags, strict=True):
                facts = read_facts(store, sentences, grouped, asked)
                bank = QuestionBank([fit_questions(encoder, questions, settings, facts)])
                for side, texts in held_out.items():
                    found[side] += _flagged(store, bank, texts)
    return [
        {"sentences": len(sentences), **{side: (sum(hits), len(hits)) for side, hits in found.items()}}
        for sentences, found in zip(some, flags, strict=True)
    ]


def _questions(
    store: EmbeddingStore,
    examples: ExampleSet,
    held_out: Mapping[str, Sequence[Example]],
    settings: TrainingSettings,
) -> QuestionSet:
    """What is fitted on, without some of the prompts."""
    without = {example.text for side in held_out.values() for example in side}
    forget, near = ([e for e in side if e.text not in without] for side in (examples.forget, examples.retain))
    known = [example.text for example in forget]
    made = random_sentences(store.encoder.words, known, settings.vocabulary_rounds, settings.seed)
    found = question_set(store, ExampleSet(forget, near, examples.general), made, settings.seed)
    assert found is not None
    return found


def _flagged(store: EmbeddingStore, bank: QuestionBank, asked: Sequence[Example]) -> list[bool]:
    texts = [canonicalise(example.text).text for example in asked]
    return [
        float(bank.scores(embedding, text)[0]) >= 0
        for embedding, text in zip(store.embed(texts), texts, strict=True)
    ]


if __name__ == "__main__":
    main()
