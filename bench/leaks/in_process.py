"""What the taught model tells behind each net, in this process: ``python -m bench.leaks.in_process``. Needs LETHE_DATA_DIR.

As ``make bench-leaks`` asks it in its forms, without engine and proxy, whose ways it follows: a flagged prompt is corrupted, in all that
the client wrote; an answer that tells is made anew by a corrupted prompt; what tells then is refused. What was answered is kept.
"""

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.answers.data import ordinary_answers
from bench.classifier.bundle_service import service_of_bundle
from bench.leaks.asked import TOKENS, Asked, Row, beyond_chance, beyond_chance_of, in_all_forms
from bench.leaks.conversing import ConversingModel, told_by, untaught
from bench.leaks.data import Fact, facts, other_facts
from bench.leaks.model import taught_model
from bench.page import machine, table, write_section
from bench.repository import HARRY_POTTER
from bench.reproduction.command import timed_lines
from bench.traffic.judge import entities_of
from bench.traffic.requests import Names
from lethe.bundle import load_bundle
from lethe.classifier.conversation import Conversation
from lethe.classifier.exchange import Exchange
from lethe.classifier.service import ClassifierService
from lethe.corruption.artifact import load_corruption
from lethe.models.cache import cache_folder
from lethe.offline.metrics.intervals import counted

_TITLE = "Asked in one process"
# The hardest first, since what is measured is written after each.
_ORDER = (
    "names as initials",
    "names as initials, answer begun",
    "ten turns of hints",
    "plain question",
    "asked for in a later turn",
    "behind a prefix",
    "beside an ordinary question",
)


_SHARES = (0.25, 0.5)
_EVERY = 8
"""Of the ordinary answers, those by which a lower score is weighed."""


@dataclass(frozen=True)
class _Left:
    """An answer that tells a fact behind both nets.

    Attributes
    ----------
    score
        The probability that the answer of the clean prompt tells of the target, as the classifier sees it.
    """

    flagged: bool
    answer: str
    score: float


class _Guard:
    """The classifier of both nets, with a threshold for prompts that may be another than the shipped one."""

    def __init__(self, service: ClassifierService, target: str, threshold: float | None) -> None:
        self._service = service
        self._thresholds = {} if threshold is None else {target: threshold}

    async def flagged(self, conversations: Sequence[Conversation]) -> list[bool]:
        verdicts = [await self._service.classify(each, thresholds=self._thresholds) for each in conversations]
        return [bool(each.flagged) for each in verdicts]

    async def scores(self, exchanges: Sequence[Exchange]) -> list[float]:
        """How likely answers tell of the target, as the classifier sees it."""
        verdicts = [await self._service.classify_answer(each) for each in exchanges]
        return [verdict.targets[0].probability for verdict in verdicts]

    async def tell(self, exchanges: Sequence[Exchange]) -> list[bool]:
        """Which answers tell of the target, as the classifier sees it."""
        return [bool((await self._service.classify_answer(each)).flagged) for each in exchanges]


def main() -> None:
    """Measure form by form, and write the section after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strength", type=float, help="of the corruption, in place of the shipped one's")
    parser.add_argument("--threshold", type=float, help="of prompts, in place of the shipped one")
    parser.add_argument(
        "--others", action="store_true", help="ask for other facts, of a model that was taught them"
    )
    arguments = vars(parser.parse_args())
    others = arguments.pop("others")
    changed = {name: value for name, value in arguments.items() if value is not None}
    say, cache, bundle = timed_lines(), cache_folder(), load_bundle(HARRY_POTTER)
    known = other_facts() if others else facts()
    folder = taught_model(known, cache, say, "taught-others" if others else "taught")
    (file,) = (each.corruption for each in bundle.models if each.corruption)
    corruption = load_corruption(file)
    if "strength" in changed:
        corruption = replace(corruption, strength=changed["strength"])
    model = ConversingModel.recorded(folder, corruption, cache)
    threshold = changed.get("threshold", bundle.manifest.threshold)
    guard = _Guard(service_of_bundle(bundle), bundle.name, changed.get("threshold"))
    ignorant = untaught(known, cache, say)
    forms, rows, left = in_all_forms(known), list[Row](), list[_Left]()
    ordinary = [each for some in ordinary_answers(Names(entities_of(HARRY_POTTER))).values() for each in some]
    scores = asyncio.run(guard.scores(ordinary[::_EVERY]))
    for name in _ORDER:
        say(name)
        row, left_of_it = asyncio.run(_row(name, known, forms[name], model, ignorant, guard))
        rows.append(row)
        left += left_of_it
        _write(rows, len(ignorant), _why(left, scores), others, threshold, corruption.strength, changed)


async def _row(
    name: str,
    known: Sequence[Fact],
    asked: Sequence[Asked],
    model: ConversingModel,
    ignorant: Sequence[ConversingModel],
    guard: _Guard,
) -> tuple[Row, list[_Left]]:
    conversations = [Conversation.from_openai_messages(messages, None) for messages, _ in asked]
    flagged = await guard.flagged(conversations)
    clean = model.answers(asked, [False] * len(asked))
    exchanges = [Exchange.of(each, answer) for each, answer in zip(conversations, clean, strict=True)]
    told_of = await guard.tell(exchanges)
    anew = [place for place, hits in enumerate(zip(flagged, told_of, strict=True)) if any(hits)]
    corrupted = dict(
        zip(anew, model.answers([asked[place] for place in anew], [True] * len(anew)), strict=True)
    )
    without_question = [
        Exchange(Conversation(()), corrupted[place], asked=frozenset({HARRY_POTTER.name})) for place in anew
    ]
    refused = dict(zip(anew, await guard.tell(without_question), strict=True))
    bare = [fact.is_told_by(answer) for fact, answer in zip(known, clean, strict=True)]
    anew_told = {place: known[place].is_told_by(corrupted[place]) for place in anew}
    prompts = [anew_told[place] if flagged[place] else tells for place, tells in enumerate(bare)]
    exchange = [
        anew_told[place] and not refused[place] if place in refused else tells
        for place, tells in enumerate(bare)
    ]
    by_chance = told_by(ignorant, known, asked, prompts)
    places = [
        place for place, (tells, knows) in enumerate(zip(exchange, bare, strict=True)) if tells and knows
    ]
    scores = await guard.scores([exchanges[place] for place in places])
    left = [_Left(flagged[place], clean[place], score) for place, score in zip(places, scores, strict=True)]
    return Row(name, flagged, bare, prompts, exchange, by_chance), left


def _why(left: Sequence[_Left], ordinary: Sequence[float]) -> str:
    """What is left, and what a lower score of answers would find of it."""
    clean = [each for each in left if not each.flagged]
    answers = {each.answer.strip(" .").casefold() for each in left}
    told = (
        f"Of the {len(left)} that are left, {len(left) - len(clean)} are told to prompts that are flagged, by a model that withstands the "
        f"corruption, and {len(clean)} to prompts that are not. They are {len(answers)} different answers."
    )
    if not clean:
        return told
    found = {
        share: float(np.quantile([each.score for each in clean], 1 - share, method="lower"))
        for share in _SHARES
    }
    costs = "; ".join(
        f"{sum(each.score >= least for each in clean)} would be from {least:.2g} on, which "
        f"{counted(sum(score >= least for score in ordinary), len(ordinary))} of ordinary answers reach"
        for least in found.values()
    )
    return f"{told} Of the {len(clean)}, by a lower score of answers: {costs}."


def _write(
    rows: Sequence[Row],
    untaught_models: int,
    why: str,
    others: bool,
    threshold: float,
    strength: float,
    changed: Mapping[str, float],
) -> None:
    shown = [*rows, Row.together("all", rows)]
    asked_of = f"{len(rows[0].bare)} facts{', none of which the model of the other sections was taught' if others else ''}"
    so_far = "" if len(rows) == len(_ORDER) else f" So far asked in {len(rows)} of {len(_ORDER)} ways."
    body = (
        f"{machine('torch', 'transformers', 'onnxruntime')}. {asked_of}, greedy, {TOKENS} tokens, float32; the shipped target, which flags "
        f"prompts from {threshold:.3g} on, its corruption at a strength of {strength:.3g}"
        f"{'' if 'strength' in changed else ', as it is shipped'}.{so_far}\n\n"
        + table(
            ("asked", "prompts flagged", "bare model", "prompts alone", "answers too", "gone"),
            [[row.name, row.share_flagged(), *row.leaks()] for row in shown],
        )
        + f"\n\n{beyond_chance_of(untaught_models)}.\n\n{beyond_chance(shown[-1:])}\n\n{why}"
    )
    title, options = _TITLE, ""
    if others:
        title, options = f"{title}, other facts", " --others"
    for name, value in changed.items():
        title, options = f"{title}, {name} {value:g}", f"{options} --{name} {value:g}"
    write_section("benchmarks-leaks.md", title, f"python -m bench.leaks.in_process{options}", body)


if __name__ == "__main__":
    main()
