"""A second look at verdicts that are a little above their threshold, by somebody who reads better than the classifier.

It can only clear, only what is unsure, and only where all that carries the verdict was shown and found to be about something
else. Whatever fails leaves the verdict as it is. Knows nothing about how the one who looks is asked.
"""

import asyncio
import re
import time
from dataclasses import replace
from enum import StrEnum
from typing import Protocol

from lethe.bundle import Bundle
from lethe.classifier.errors import ClassifierError
from lethe.classifier.head import head_folder, load_head
from lethe.classifier.verdict import TargetVerdict, Verdict
from lethe.server.errors import APIError, EngineTimeout, Unavailable
from lethe.server.metrics import SLOW, Metrics
from lethe.server.settings.policy import PolicySettings, Verify
from lethe.server.targets.targets import TargetSet

_MOST_EXCERPTS = 4
_MOST_CHARACTERS = 2000
_NAMES_SHOWN = 12
# Words that speak to whoever judges a text rather than in it, in languages that models follow. A text with one of them may be
# ordinary, and is only not cleared.
_INSTRUCTS = re.compile(
    r"""\b(?:answer|repl(?:y|ies)|respon[ds]|output|ignor|disregard|instruct|prompt|system|assistant|classif|categori[sz]
    |verdict|moderat|filter|unrelated|topic|yes\b|no\s+matter|you\s+(?:are|must|should|will)|language\s+model
    |respóndeme|répon|antwort|ignorier|anweisung|rispon|rispost|istruzion|instruç|instruk|odpowied|yanıt|talimat
    |ответ|игнор|инструк)|回答|答え|答案|忽略|無視|指示|指令|응답|대답|무시|지시|أجب|تجاهل|تعليمات|ตอบ|เพิกเฉย
    |<\|?/?\w+\|?>|\[/?\w+\]|\#\#\#""",
    re.IGNORECASE | re.VERBOSE,
)


class Verifier(Protocol):
    """Somebody who can be asked what a text is about."""

    async def clears(self, topic: str, text: str) -> bool:
        """Whether a text has nothing to do with a topic; raises `APIError` where there is no answer."""
        ...


class Look(StrEnum):
    """What became of a positive verdict on a target that is to be verified."""

    CLEARED = "cleared"
    UPHELD = "upheld"
    SURE = "sure"
    DISGUISED = "disguised"
    INSTRUCTS = "instructs"
    TOO_LONG = "too_long"
    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"
    FAILED = "failed"


class Verification:
    """Has unsure verdicts looked at again."""

    def __init__(self, policy: PolicySettings, metrics: Metrics) -> None:
        self._policy = policy
        self._topics: dict[tuple[str, str], str] = {}
        self._looks = metrics.counter(
            "lethe_verifications",
            "Positive verdicts on targets that are to be verified, by what became of them.",
            ("target", "result"),
        )
        # A series that is born with its first count shows no rise.
        for target in policy.verify:
            for look in Look:
                self._looks.labels(target, look.value)
        self._seconds = metrics.histogram(
            "lethe_verification_seconds", "Time that the second look at a verdict took.", bounds=SLOW
        )

    def concerns(self, targets: TargetSet, verifier: Verifier | None) -> bool:
        """Whether a positive verdict on one of these may be looked at again by somebody."""
        return verifier is not None and any(self._verified(target.name) for target in targets)

    async def of(self, verdict: Verdict, targets: TargetSet, verifier: Verifier | None) -> Verdict:
        """The verdict, less what a second look cleared; without somebody to ask every verdict stands."""
        if verifier is None or verdict.status != "ok":
            return verdict
        if not any(self._verified(each.target) for each in verdict.flagged):
            return verdict
        parts = [await self._part(part, targets[part.target].bundle, verifier) for part in verdict.targets]
        return replace(verdict, targets=tuple(parts))

    def _verified(self, target: str) -> bool:
        return self._policy.verify.get(target) is Verify.ENGINE

    async def _part(self, part: TargetVerdict, bundle: Bundle, verifier: Verifier) -> TargetVerdict:
        if not part.flagged or not self._verified(part.target):
            return part
        look = self._stands(part) or await self._look(part, bundle, verifier)
        self._looks.labels(part.target, look.value).inc()
        return replace(part, cleared=True) if look is Look.CLEARED else part

    def _stands(self, part: TargetVerdict) -> Look | None:
        """Why a verdict stands without a second look, if it does."""
        if part.log_odds_above > self._policy.verify_band:
            return Look.SURE
        if not part.excerpts:
            return Look.DISGUISED
        if len(part.excerpts) > _MOST_EXCERPTS or sum(map(len, part.excerpts)) > _MOST_CHARACTERS:
            return Look.TOO_LONG
        if any(map(_INSTRUCTS.search, part.excerpts)):
            return Look.INSTRUCTS
        return None

    async def _look(self, part: TargetVerdict, bundle: Bundle, verifier: Verifier) -> Look:
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._policy.verify_timeout_s):
                topic = await self._topic(bundle)
                for excerpt in part.excerpts:
                    if not await verifier.clears(topic, excerpt):
                        return Look.UPHELD
            return Look.CLEARED
        except (TimeoutError, EngineTimeout):
            return Look.TIMEOUT
        except Unavailable:
            return Look.UNAVAILABLE
        except (APIError, ClassifierError):
            return Look.FAILED
        finally:
            self._seconds.observe(time.perf_counter() - started)

    async def _topic(self, bundle: Bundle) -> str:
        """What a target is about: its description, or some of its names where it has none."""
        key = bundle.name, bundle.version
        if key not in self._topics:
            description = " ".join(bundle.manifest.description.split())
            self._topics[key] = description or await asyncio.to_thread(_names, bundle)
        return self._topics[key]


def _names(bundle: Bundle) -> str:
    names = load_head(head_folder(bundle)).entities[:_NAMES_SHOWN]
    return ", ".join((bundle.name.replace("-", " "), *names))
