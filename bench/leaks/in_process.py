"""What the taught model tells behind each net, in this process: ``python -m bench.leaks.in_process``. Needs LETHE_DATA_DIR.

As ``make bench-leaks`` asks it in its forms, without engine and proxy, whose ways it follows: a flagged prompt is corrupted, in all that
the client wrote; an answer that tells is made anew by a corrupted prompt; what tells then is refused. What was answered is kept.
"""

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bench.classifier.bundle_service import service_of_bundle
from bench.leaks.asked import TOKENS, Asked, Row, in_all_forms
from bench.leaks.conversing import ConversingModel
from bench.leaks.data import Fact, facts, other_facts
from bench.leaks.model import taught_model
from bench.page import machine, table, write_section
from bench.repository import HARRY_POTTER
from bench.reproduction.command import timed_lines
from lethe.bundle import load_bundle
from lethe.classifier.conversation import Conversation
from lethe.classifier.exchange import Exchange
from lethe.classifier.service import ClassifierService
from lethe.corruption.artifact import load_corruption
from lethe.models.cache import cache_folder

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


class _Guard:
    """The classifier of both nets, with a threshold for prompts that may be another than the shipped one."""

    def __init__(self, service: ClassifierService, target: str, threshold: float | None) -> None:
        self._service = service
        self._thresholds = {} if threshold is None else {target: threshold}

    async def flagged(self, conversations: Sequence[Conversation]) -> list[bool]:
        verdicts = [await self._service.classify(each, thresholds=self._thresholds) for each in conversations]
        return [bool(each.flagged) for each in verdicts]

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
    forms, rows = in_all_forms(known), list[Row]()
    for name in _ORDER:
        say(name)
        rows.append(asyncio.run(_row(name, known, forms[name], model, guard)))
        _write(rows, others, threshold, corruption.strength, changed)


async def _row(
    name: str, known: Sequence[Fact], asked: Sequence[Asked], model: ConversingModel, guard: _Guard
) -> Row:
    conversations = [Conversation.from_openai_messages(messages, None) for messages, _ in asked]
    flagged = await guard.flagged(conversations)
    clean = model.answers(asked, [False] * len(asked))
    told_of = await guard.tell(
        [Exchange.of(each, answer) for each, answer in zip(conversations, clean, strict=True)]
    )
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
    return Row(name, flagged, bare, prompts, exchange)


def _write(
    rows: Sequence[Row], others: bool, threshold: float, strength: float, changed: Mapping[str, float]
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
    )
    title, options = _TITLE, ""
    if others:
        title, options = f"{title}, other facts", " --others"
    for name, value in changed.items():
        title, options = f"{title}, {name} {value:g}", f"{options} --{name} {value:g}"
    write_section("benchmarks-leaks.md", title, f"python -m bench.leaks.in_process{options}", body)


if __name__ == "__main__":
    main()
