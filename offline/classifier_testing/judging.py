"""Texts judged by the classifier as it serves, and what it would say of them at other thresholds."""

import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from lethe.classifier.cache import ScoreCache
from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.head import Head
from lethe.classifier.service import ClassifierService
from lethe.classifier.settings import ClassifierSettings
from lethe.classifier.verdict import Status
from lethe.offline.classifier_testing.texts import HeldOutText
from lethe.offline.progress import Progress

_CACHE_BYTES = 64 << 20


@dataclass(frozen=True)
class JudgedText:
    """A text and what the classifier says of it.

    Attributes
    ----------
    probability
        As the verdict has it, lowered where the text is so long that more is asked of it.
    milliseconds
        How long the verdict took, with nothing of the text known from before.
    reach
        The highest threshold that would flag it; 0 where none would, since it is long.
    """

    text: HeldOutText
    threshold: float
    probability: float
    status: Status
    milliseconds: float
    reach: float

    @property
    def flagged(self) -> bool:
        return self.probability >= self.threshold

    def flagged_at(self, threshold: float) -> bool:
        """Whether it would be flagged at another threshold.

        Where the classifier then encodes other windows of a text than it did, it may differ by a little.
        """
        if threshold == self.threshold:
            return self.flagged
        return self.reach >= threshold


async def judge_texts(
    encoder: Encoder,
    head: Head,
    texts: Sequence[HeldOutText],
    settings: ClassifierSettings,
    progress: Progress,
) -> list[JudgedText]:
    """Judge texts one after another, each to its end.

    Raises
    ------
    ClassifierError
        The head is of another encoder, or a text cannot be classified.
    """
    async with AsyncExitStack() as stack:
        judge = _Judge(encoder, head, settings)
        stack.push_async_callback(judge.close)
        progress.begin(f"judging {len(texts)} texts")
        # The first text of a process takes longer than the same later.
        await judge.judge(texts[0])
        judged: list[JudgedText] = []
        for text in texts:
            judged.append(await judge.judge(text))
            progress.advance(len(judged), len(texts))
        return judged


class _Judge:
    """One head, asked at its own threshold of each text as if it were the first."""

    def __init__(self, encoder: Encoder, head: Head, settings: ClassifierSettings) -> None:
        self._cache = ScoreCache(_CACHE_BYTES)
        self._service = ClassifierService(encoder, [head], settings, cache=self._cache)

    async def judge(self, text: HeldOutText) -> JudgedText:
        self._cache.clear()
        began = time.perf_counter()
        verdict = await self._service.classify(text.conversation, whole=True)
        milliseconds = 1000 * (time.perf_counter() - began)
        [found] = verdict.targets
        return JudgedText(text, found.threshold, found.probability, verdict.status, milliseconds, found.reach)

    async def close(self) -> None:
        await self._service.close()
