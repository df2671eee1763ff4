"""Measures what becomes of questions in disguise, by kind, and of ordinary prompts in the same disguise.

Knows disguises and verdicts; knows nothing about how a disguise is taken off.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from bench.disguises.development import DISGUISES
from bench.disguises.disguise import Disguise
from bench.disguises.miscellany import MISCELLANY_DISGUISES
from bench.disguises.published import PUBLISHED_DISGUISES
from bench.disguises.puzzles import PUZZLE_DISGUISES
from bench.disguises.red_team import RED_TEAM_DISGUISES
from bench.page import table
from lethe.classifier.conversation import Conversation
from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.head import Head
from lethe.classifier.service import ClassifierService
from lethe.classifier.settings import ClassifierSettings
from lethe.offline.metrics.intervals import counted

_ALL = (*DISGUISES, *RED_TEAM_DISGUISES, *PUZZLE_DISGUISES, *PUBLISHED_DISGUISES, *MISCELLANY_DISGUISES)

_WITH_NETWORK = {6: "sixth", 5: "fifth"}


@dataclass(frozen=True)
class Outcomes:
    """How many prompts were flagged, how many were not and are unreadable, and how many there were."""

    flagged: int
    unreadable: int
    prompts: int

    @property
    def passed(self) -> int:
        return self.prompts - self.flagged - self.unreadable

    def __add__(self, other: "Outcomes") -> "Outcomes":
        return Outcomes(
            self.flagged + other.flagged, self.unreadable + other.unreadable, self.prompts + other.prompts
        )


def disguise_tables(encoder: Encoder, head: Head, questions: Sequence[str], ordinary: Sequence[str]) -> str:
    """Tables in Markdown: by kind, then by disguise; for those developed on, and for those held out.

    Of the last two lists it says what passes with `classifier.odd_stretches` too.
    """
    asked = asyncio.run(_outcomes(encoder, head, questions, _ALL))
    innocent = asyncio.run(_outcomes(encoder, head, ordinary, _ALL))
    last = [each for each in _ALL if each.held_out in _WITH_NETWORK]
    judged = asyncio.run(_outcomes(encoder, head, questions, last, odd_stretches=True))
    passed = [_sum(judged, [each for each in last if each.held_out == number]) for number in _WITH_NETWORK]
    parts = [
        "With `classifier.odd_stretches`, which is off below, "
        + ", ".join(
            f"{counted(each.passed, each.prompts)} of the {name}"
            for name, each in zip(_WITH_NETWORK.values(), passed, strict=True)
        )
        + " pass."
    ]
    titles = {
        6: "Held out sixth",
        5: "Held out fifth",
        4: "Held out fourth",
        3: "Held out third",
        1: "Held out first",
        2: "Held out second",
        None: "Developed on",
    }
    for held_out, title in titles.items():
        chosen = [each for each in _ALL if each.held_out == held_out]
        rows = [_row(each.name, each.kind, asked[each], innocent[each]) for each in chosen]
        for kind in dict.fromkeys(each.kind for each in chosen):
            of_kind = [each for each in chosen if each.kind == kind]
            rows.append(_row(f"**all {len(of_kind)}**", kind, _sum(asked, of_kind), _sum(innocent, of_kind)))
        rows.append(_row(f"**all {len(chosen)}**", "all kinds", _sum(asked, chosen), _sum(innocent, chosen)))
        header = [
            "disguise",
            "kind",
            "flagged",
            "unreadable",
            "neither",
            "ordinary flagged",
            "ordinary unreadable",
        ]
        parts.append(f"{title}:\n\n{table(header, rows)}")
    return "\n\n".join(parts)


async def _outcomes(
    encoder: Encoder,
    head: Head,
    prompts: Sequence[str],
    disguises: Sequence[Disguise],
    *,
    odd_stretches: bool = False,
) -> dict[Disguise, Outcomes]:
    settings = ClassifierSettings(
        spans=False, cache_bytes=0, deadline_seconds=600, odd_stretches=odd_stretches
    )
    service = ClassifierService(encoder, [head], settings)
    try:
        return {disguise: await _of(service, disguise, prompts) for disguise in disguises}
    finally:
        await service.close()


async def _of(service: ClassifierService, disguise: Disguise, prompts: Sequence[str]) -> Outcomes:
    verdicts = [
        await service.classify(Conversation.from_prompt(disguise.prompt(prompt))) for prompt in prompts
    ]
    flagged = sum(bool(verdict.flagged) for verdict in verdicts)
    unreadable = sum(not verdict.flagged and verdict.status == "unreadable" for verdict in verdicts)
    return Outcomes(flagged, unreadable, len(prompts))


def _sum(outcomes: dict[Disguise, Outcomes], chosen: Sequence[Disguise]) -> Outcomes:
    return sum((outcomes[each] for each in chosen), Outcomes(0, 0, 0))


def _row(name: str, kind: str, asked: Outcomes, innocent: Outcomes) -> list[str]:
    return [
        name,
        kind,
        str(asked.flagged),
        str(asked.unreadable),
        counted(asked.passed, asked.prompts),
        str(innocent.flagged),
        str(innocent.unreadable),
    ]
