"""Texts judged by the classifier as it serves, and what it would say of them at other thresholds."""

import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from lethe.classifier.cache import ScoreCache
from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.head import Head
from lethe.classifier.service import ClassifierService
from lethe.classifier.settings import ClassifierSettings
from lethe.classifier.verdict import Status
from lethe.offline.classifier_testing.texts import HeldOutText
from lethe.offline.progress import Progress

# Below and above every threshold that anybody sets.
_LOWEST, _HIGHEST = 1e-6, 1 - 1e-9
_CACHE_BYTES = 64 << 20


@dataclass(frozen=True)
class JudgedText:
    """A text and what the classifier says of it.

    Attributes
    ----------
    probability
        As the verdict has it: lower than `reach` where the text is so long that more is asked of it.
    milliseconds
        How long the verdict took, with nothing of the text known from before.
    reach
        The probability that it would have, were nothing asked of its length.
    reaches_length
        Whether it scores what a text of its length must at any threshold.
    """

    text: HeldOutText
    threshold: float
    probability: float
    status: Status
    milliseconds: float
    reach: float
    reaches_length: bool

    @property
    def flagged(self) -> bool:
        return self.probability >= self.threshold

    def flagged_at(self, threshold: float) -> bool:
        """Whether it would be flagged at another threshold.

        Where the classifier then encodes other windows of a text than it did, it may differ by a little.
        """
        if threshold == self.threshold:
            return self.flagged
        return self.reaches_length and self.reach >= threshold


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
    """One head, asked at its own threshold, and from what it then knows at the lowest and the highest one."""

    def __init__(self, encoder: Encoder, head: Head, settings: ClassifierSettings) -> None:
        # A verdict without spans may end where the text is flagged, and does not know how far it would have reached.
        settings = settings.model_copy(update={"spans": True})
        self._cache = ScoreCache(_CACHE_BYTES)
        self._threshold = head.threshold
        self._services = [
            ClassifierService(encoder, [replace(head, threshold=threshold)], settings, cache=self._cache)
            for threshold in (head.threshold, _LOWEST, _HIGHEST)
        ]

    async def judge(self, text: HeldOutText) -> JudgedText:
        in_force, lowest, highest = self._services
        self._cache.clear()
        began = time.perf_counter()
        verdict = await in_force.classify(text.conversation)
        milliseconds = 1000 * (time.perf_counter() - began)
        [found] = verdict.targets
        reach, reaches_length = found.probability, True
        # Scores of what could not be read whole are not kept, and reading it again may take as long again.
        if verdict.status != "too_long":
            [at_highest] = (await highest.classify(text.conversation)).targets
            [at_lowest] = (await lowest.classify(text.conversation)).targets
            reach, reaches_length = at_highest.probability, at_lowest.flagged
        return JudgedText(
            text, self._threshold, found.probability, verdict.status, milliseconds, reach, reaches_length
        )

    async def close(self) -> None:
        for service in self._services:
            await service.close()
