"""What a head makes of ordinary text in bulk: what alarms it, to be fitted again, and how its scores tail off.

A head that scans a thousand windows of a request must be wrong as seldom as a detector of faces: what it is wrong about in
millions of characters becomes training text, in rounds (Sung and Poggio, "Example-based learning for view-based human
face detection", PAMI 1998; Felzenszwalb et al., PAMI 2010, section 4.4).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lethe.classifier.first_tier import Window
from lethe.classifier.scoring import Scorer
from lethe.classifier.tail import Tail
from lethe.offline.classifier_training.cores import OnDone, on_all_cores, tell_nobody
from lethe.offline.classifier_training.embeddings import Stretch
from lethe.offline.classifier_training.windows import TrainingWindow

# Of the blocks' largest scores, those above this quantile say how the tail falls off; blocks without any score lie below.
_TAIL_FROM = 0.99
_LEAST_IN_TAIL = 20
_LEAST_SCALE = 0.2


@dataclass(frozen=True)
class ScannedBlock:
    """A block of ordinary text as a head sees it.

    Attributes
    ----------
    characters
        Its length.
    score
        The largest score of its windows; -inf where the first tier cleared all.
    alarms
        The windows and sentences that scored at least what was asked for.
    """

    characters: int
    score: float
    alarms: tuple[TrainingWindow, ...]


def scan(
    scorer: Scorer,
    blocks: Sequence[str],
    alarm_from: float,
    on_scanned: OnDone = tell_nobody,
    read_as: Callable[[str], Sequence[str]] = lambda block: [block],
) -> list[ScannedBlock]:
    """Score blocks of ordinary text by the one head of a scorer.

    Parameters
    ----------
    alarm_from
        The score from which a window, or a sentence of one, is an alarm.
    read_as
        The texts that are scored of a block.
    """
    return on_all_cores(lambda block: _scan_block(scorer, block, alarm_from, read_as), blocks, on_scanned)


def fit_tail(blocks: Sequence[ScannedBlock]) -> Tail | None:
    """The tail of ordinary scores; None where too few blocks score at all."""
    scores = np.array([block.score for block in blocks])
    beyond = np.sort(scores[np.isfinite(scores)])[::-1]
    # Where the first tier clears nearly all, what it holds back is the tail.
    count = min(max(int((1 - _TAIL_FROM) * len(blocks)), _LEAST_IN_TAIL), len(beyond) - 1)
    if count < _LEAST_IN_TAIL:
        return None
    start = float(beyond[count])
    scale = max(float(np.mean(beyond[:count] - start)), _LEAST_SCALE)
    return Tail(start, scale, count / sum(block.characters for block in blocks))


def _scan_block(
    scorer: Scorer, block: str, alarm_from: float, read_as: Callable[[str], Sequence[str]]
) -> ScannedBlock:
    found = [
        (window, float(scorer.score_window(window, spans=False).scores[0]))
        for text in read_as(block)
        for window in scorer.prepare(text).windows
    ]
    alarms = tuple(
        alarm for window, score in found if score >= alarm_from for alarm in _training_windows(window)
    )
    return ScannedBlock(len(block), max((score for _, score in found), default=-np.inf), alarms)


def _training_windows(window: Window) -> Iterator[TrainingWindow]:
    text = window.text
    yield TrainingWindow(Stretch.whole(text), 0, text)
    for sentence in window.sentences:
        first, last = sentence.start - window.start, sentence.end - window.start
        yield TrainingWindow(Stretch(text, first, last), 0, text)
        yield TrainingWindow(Stretch.whole(text[first:last]), 0, text)
