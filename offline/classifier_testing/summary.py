"""What verdicts on held-out texts come to, by group and by threshold. Counts; knows nothing about classifiers."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from lethe.offline.classifier_testing.judging import JudgedText
from lethe.offline.classifier_training.threshold_effects import thresholds_around

ALL = "all"


@dataclass(frozen=True)
class Flags:
    """How many texts are flagged: of all, of those that should be, of those that should not.

    Attributes
    ----------
    every, found, wrong
        Flagged texts, and how many texts there are.
    """

    every: tuple[int, int]
    found: tuple[int, int]
    wrong: tuple[int, int]

    @classmethod
    def count(cls, judged: Iterable[JudgedText], flagged: Callable[[JudgedText], bool]) -> "Flags":
        outcomes = [(flagged(each), each.text.flag) for each in judged]
        every, found, wrong = (
            [outcome for outcome, flag in outcomes if flag in wanted]
            for wanted in ((None, True, False), (True,), (False,))
        )
        return cls(*((sum(side), len(side)) for side in (every, found, wrong)))


@dataclass(frozen=True)
class GroupSummary:
    """The texts of one group.

    Attributes
    ----------
    median_ms, worst_ms
        How long a verdict takes, the latter at the 99th percentile.
    too_long, unclassifiable, unreadable
        Texts of which not everything was read.
    """

    name: str
    flags: Flags
    median_ms: float
    worst_ms: float
    too_long: int
    unclassifiable: int
    unreadable: int


def summarize_groups(judged: Sequence[JudgedText]) -> list[GroupSummary]:
    """The groups in the order in which they come, and where there are several, all texts together."""
    groups: dict[str, list[JudgedText]] = {}
    for each in judged:
        groups.setdefault(each.text.group, []).append(each)
    rows = [_summary(name, members) for name, members in groups.items()]
    return [*rows, _summary(ALL, judged)] if len(rows) > 1 else rows


def flags_by_threshold(judged: Sequence[JudgedText], threshold: float) -> list[tuple[float, Flags]]:
    """What the thresholds around the one that texts were judged at would flag, itself among them."""
    to_find = [each.reach for each in judged if each.text.flag and each.reach]
    return [(each, _flags_at(judged, each)) for each in thresholds_around(threshold, to_find)]


def _flags_at(judged: Sequence[JudgedText], threshold: float) -> Flags:
    return Flags.count(judged, lambda each: each.flagged_at(threshold))


def _summary(name: str, judged: Sequence[JudgedText]) -> GroupSummary:
    median, worst = np.percentile([each.milliseconds for each in judged], [50, 99])
    return GroupSummary(
        name,
        Flags.count(judged, lambda each: each.flagged),
        float(median),
        float(worst),
        sum(each.status == "too_long" for each in judged),
        sum(each.status == "unclassifiable" for each in judged),
        sum(each.status == "unreadable" for each in judged),
    )
