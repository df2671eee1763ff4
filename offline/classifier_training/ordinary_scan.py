"""What a head makes of ordinary text in bulk: what alarms it, to be fitted again, and how its scores tail off.

A head that scans a thousand windows of a request must be wrong as seldom as a detector of faces: what it is wrong about in
millions of characters becomes training text, in rounds (Sung and Poggio, "Example-based learning for view-based human
face detection", PAMI 1998; Felzenszwalb et al., PAMI 2010, section 4.4).
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lethe.classifier.first_tier import Window
from lethe.classifier.scoring import Scorer
from lethe.classifier.tail import Tail
from lethe.offline.classifier_training.cores import OnDone, on_all_cores, tell_nobody
from lethe.offline.classifier_training.embeddings import Stretch
from lethe.offline.classifier_training.ordinary_blocks import OrdinaryBlock
from lethe.offline.classifier_training.windows import TrainingWindow
from lethe.offline.data.text_files import TextKind

# Of the blocks' largest scores, those above this quantile say how the tail falls off; blocks without any score lie below.
_TAIL_FROM = 0.99
_LEAST_IN_TAIL = 20
_LEAST_SCALE = 0.2
# A kind with fewer blocks says nothing of its own tail, which is drawn to that of all as if so many of its scores had been like those.
_LEAST_OF_KIND, _LIKE_ALL = 200, 10
# Of a kind so many times the share of what is flagged on the whole may be, and that is compared where this many characters are read.
_WORST_KIND = 2.0
_COMPARED_AT, _COMPARED_SHARE = 32_000, 0.01


@dataclass(frozen=True)
class ScannedBlock:
    """A block of ordinary text as a head sees it.

    Attributes
    ----------
    kind
        What kind of text it is of.
    characters
        Its length.
    score
        The largest score of its windows; -inf where the first tier cleared all.
    alarms
        The windows and sentences that scored at least what was asked for.
    """

    kind: TextKind
    characters: int
    score: float
    alarms: tuple[TrainingWindow, ...]


def scan(
    scorer: Scorer,
    blocks: Sequence[OrdinaryBlock],
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
    """The tail of ordinary scores, or of a kind that it would flag too much of; None where too few blocks score at all."""
    scores = np.array([block.score for block in blocks])
    beyond = np.sort(scores[np.isfinite(scores)])[::-1]
    # Where the first tier clears nearly all, what it holds back is the tail.
    count = min(max(int((1 - _TAIL_FROM) * len(blocks)), _LEAST_IN_TAIL), len(beyond) - 1)
    if count < _LEAST_IN_TAIL:
        return None
    start = float(beyond[count])
    scale = max(float(np.mean(beyond[:count] - start)), _LEAST_SCALE)
    of_all = Tail(start, scale, count / sum(block.characters for block in blocks))
    by_kind: dict[TextKind, list[ScannedBlock]] = defaultdict(list)
    for block in blocks:
        by_kind[block.kind].append(block)
    of_kinds = [_tail_of_kind(each, of_all) for each in by_kind.values() if len(each) >= _LEAST_OF_KIND]
    found = [of_all, *(tail for tail in of_kinds if tail)]
    return max(found, key=lambda tail: tail.threshold(_COMPARED_AT, _COMPARED_SHARE))


def _tail_of_kind(blocks: Sequence[ScannedBlock], of_all: Tail) -> Tail | None:
    """The tail from which as much of a kind is flagged as may be; None where nothing of it is beyond where that of all begins."""
    beyond = [block.score - of_all.score for block in blocks if block.score > of_all.score]
    if not beyond:
        return None
    scale = max((sum(beyond) + _LIKE_ALL * of_all.scale) / (len(beyond) + _LIKE_ALL), _LEAST_SCALE)
    rate = len(beyond) / sum(block.characters for block in blocks)
    return Tail(of_all.score, scale, rate / _WORST_KIND)


def _scan_block(
    scorer: Scorer, block: OrdinaryBlock, alarm_from: float, read_as: Callable[[str], Sequence[str]]
) -> ScannedBlock:
    found = [
        (window, float(scorer.score_window(window, spans=False).scores[0]))
        for text in read_as(block.text)
        for window in scorer.prepare(text).windows
    ]
    alarms = tuple(
        alarm for window, score in found if score >= alarm_from for alarm in _training_windows(window)
    )
    return ScannedBlock(
        block.kind, len(block.text), max((score for _, score in found), default=-np.inf), alarms
    )


def _training_windows(window: Window) -> Iterator[TrainingWindow]:
    text = window.text
    yield TrainingWindow(Stretch.whole(text), 0, text)
    for sentence in window.sentences:
        first, last = sentence.start - window.start, sentence.end - window.start
        yield TrainingWindow(Stretch(text, first, last), 0, text)
        yield TrainingWindow(Stretch.whole(text[first:last]), 0, text)
