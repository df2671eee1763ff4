"""What a calibration found, as a page of Markdown that lines up where it is printed."""

import math
from collections.abc import Sequence
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from lethe.offline.classifier_calibration.requests import ScoredRequest, Traffic
from lethe.offline.classifier_testing.tables import aligned_table
from lethe.offline.classifier_training.known_questions import FoundQuestions
from lethe.offline.classifier_training.threshold_effects import thresholds_around
from lethe.offline.metrics.intervals import counted

_EXCERPT = 110


def calibration_page(
    target: str,
    thresholds: tuple[float, float],
    rate: float,
    traffic: Traffic,
    requests: Sequence[ScoredRequest],
    about: Sequence[ScoredRequest],
    known: FoundQuestions | None,
    known_reach: NDArray[np.float64],
    nearest: int,
) -> str:
    """The threshold before and the one that was found, what each around them brings, and the requests nearest to it.

    Parameters
    ----------
    thresholds
        The one in force, and the one that was found.
    nearest
        How many requests are listed.
    """
    before, threshold = thresholds
    flagged = sum(each.reach >= threshold for each in requests)
    sides = [("known questions found", known_reach.tolist())] if known else []
    if about:
        sides.append(("said to be about it, found", [each.reach for each in about]))
    header = ["flagged from probability", "requests flagged, 95 % interval", *(name for name, _ in sides)]
    rows = [
        [
            f"{each:.6g}{_mark(each, before, threshold)}",
            counted(sum(one.reach >= each for one in requests), len(requests)),
            *(counted(sum(reach >= each for reach in side), len(side)) for _, side in sides),
        ]
        for each in sorted({*thresholds_around(threshold, known_reach[known_reach > 0]), before, threshold})
    ]
    lines = [
        f"{target}: {len(requests):,} requests, by the {traffic.origin}, of which at most {100 * rate:g} % may be flagged",
        "",
        f"flagged from {threshold:.6g} in place of {before:.6g}: {counted(flagged, len(requests))} of the requests",
    ]
    if known:
        lines.append(known.describe())
    lines += ["", aligned_table(header, rows)]
    if nearest:
        lines += ["", "The requests nearest to the threshold:", "", _nearest(requests, threshold, nearest)]
    return "\n".join(lines)


def _mark(each: float, before: float, threshold: float) -> str:
    if each == threshold:
        return " (found)"
    return " (in force)" if each == before else ""


def _nearest(requests: Sequence[ScoredRequest], threshold: float, count: int) -> str:
    ordered = sorted(requests, key=lambda each: abs(_log_odds(each.reach) - _log_odds(threshold)))[:count]
    return "\n".join(
        f"- {'flagged' if each.reach >= threshold else 'passes'}, up to {each.reach:.4g}, {each.characters:,} characters, "
        f"{PurePath(each.where).name}{': ' if each.text else ''}{_excerpt(each.text)}"
        for each in sorted(ordered, key=lambda each: -each.reach)
    )


def _excerpt(text: str) -> str:
    return text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"


def _log_odds(probability: float) -> float:
    probability = min(max(probability, 1e-9), 1 - 1e-9)
    return math.log(probability / (1 - probability))
