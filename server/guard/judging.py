"""What is to be hidden of a conversation: the messages that carry a verdict, as long as what is left is clean by itself.

What is left is judged again, alone and joined. Where that cannot be, or it is flagged too, everything is hidden.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Protocol

from lethe.classifier.aside import aside
from lethe.classifier.conversation import Conversation
from lethe.classifier.errors import ClassifierError
from lethe.classifier.text.sentences import split_sentences
from lethe.classifier.verdict import TargetVerdict, Verdict
from lethe.corruption.positions import MessageSpan
from lethe.server.guard.scope import Kinds, TargetScope, kinds_of, without_kinds
from lethe.server.settings.policy import Consequence, ScopeKind

# Characters from which on the flagged sentences of a message are hidden alone, where a scope says so. A shorter one is about
# what its flagged sentences are about.
_LONG = 2000

HiddenSpans = tuple[MessageSpan, ...]


class Classify(Protocol):
    """What gives a verdict on a conversation."""

    async def __call__(
        self, conversation: Conversation, *, spans: bool | None = None, whole: bool = False
    ) -> Verdict: ...


@dataclass(frozen=True)
class Finding:
    """What follows from one target's verdict.

    Attributes
    ----------
    consequence
        The strongest of those for the texts that carry it.
    hidden
        What a corruption is to fall on; None for everything.
    """

    consequence: Consequence = Consequence.CORRUPT
    hidden: HiddenSpans | None = None


@dataclass(frozen=True)
class Judgement:
    """A verdict on a conversation, and what follows from it.

    Attributes
    ----------
    verdict
        On all that is judged, whatever follows from it.
    findings
        By flagged target; of one that is not among them, everything is hidden.
    """

    verdict: Verdict
    findings: Mapping[str, Finding] = field(default_factory=dict)

    def finding(self, target: str) -> Finding:
        """What follows from a flagged target's verdict."""
        return self.findings.get(target, Finding())


class Judge:
    """Judges conversations for a set of targets.

    Parameters
    ----------
    classify
        Gives the verdicts.
    scopes
        By target.
    hiding
        The targets that hide text.
    """

    def __init__(self, classify: Classify, scopes: Mapping[str, TargetScope], hiding: Set[str]) -> None:
        self.classify = classify
        self._scopes = scopes
        self._hiding = hiding
        skipped = [scope.skipped for scope in scopes.values()]
        self._skipped = frozenset.intersection(*skipped) if skipped else frozenset[ScopeKind]()

    async def judge(
        self, conversation: Conversation, *, spans: bool | None = None, whole: bool = False
    ) -> Judgement:
        """Judge a conversation; its further readings cost what the first one did not read.

        Parameters
        ----------
        spans
            Whether the verdict says which stretches carry it; by default as the classifier's settings say.
        whole
            Whether it is read to the end also where that can change no verdict.

        Raises
        ------
        ClassifierError
            As of the classifier.
        """
        read = conversation
        if self._skipped:
            read = without_kinds(conversation, kinds_of(conversation), self._skipped)
        verdict = await self.classify(read, spans=spans, whole=whole)
        if not verdict.flagged:
            return Judgement(verdict)
        kinds = await aside(len(conversation.messages), lambda: kinds_of(conversation))
        by_let_through: dict[frozenset[ScopeKind], list[TargetVerdict]] = defaultdict(list)
        for part in verdict.flagged:
            if part.target in self._scopes:
                by_let_through[self._scopes[part.target].let_through].append(part)
        findings: dict[str, Finding] = {}
        for let_through, parts in by_let_through.items():
            heard = without_kinds(conversation, kinds, let_through)
            if heard != read:
                parts, passed = await self._flagged_without(heard, parts)
                findings |= {part.target: self._let_through(part, kinds) for part in passed}
            findings |= await self._act(_Heard(conversation, heard, kinds, let_through), parts)
        return Judgement(verdict, findings)

    async def _flagged_without(
        self, heard: Conversation, parts: Sequence[TargetVerdict]
    ) -> tuple[list[TargetVerdict], list[TargetVerdict]]:
        """Those that are still flagged where nothing is read that is let through, as they are then; and the others."""
        verdict = await self.classify(heard)
        still = {part.target: part for part in verdict.flagged}
        flagged = [still[part.target] for part in parts if part.target in still]
        return flagged, [part for part in parts if part.target not in still]

    def _let_through(self, part: TargetVerdict, kinds: Kinds) -> Finding:
        scope = self._scopes[part.target]
        carrying: set[ScopeKind] = {kind for index in part.messages for kind in kinds[index]}
        return Finding(scope.strongest(carrying & scope.let_through or scope.let_through))

    async def _act(self, heard: "_Heard", parts: Sequence[TargetVerdict]) -> dict[str, Finding]:
        consequences = {
            part.target: self._scopes[part.target].strongest(heard.carrying_kinds(part)) for part in parts
        }
        hiding = [
            part
            for part in parts
            if part.target in self._hiding and consequences[part.target] is not Consequence.REFUSE
        ]
        hidden = await self._hide(heard, hiding) if hiding else {}
        return {name: Finding(each, hidden.get(name)) for name, each in consequences.items()}

    async def _hide(self, heard: "_Heard", parts: Sequence[TargetVerdict]) -> dict[str, HiddenSpans]:
        """The least that leaves nothing flagged: sentences where that may be, messages, or everything."""
        if not all(heard.can_hide(part) for part in parts):
            return {}
        in_spans = {part.target: heard.in_spans(part, self._scopes[part.target]) for part in parts}
        if any(in_spans.values()):
            told = await self._told(heard, parts)
            sentences = {
                part.target: heard.stretches(told.get(part.target, part), in_spans[part.target])
                for part in parts
            }
            if await self._leaves_clean(heard, sentences):
                return sentences
        messages = await aside(
            len(heard.whole.messages),
            lambda: {part.target: heard.stretches(part, frozenset()) for part in parts},
        )
        return messages if await self._leaves_clean(heard, messages) else {}

    async def _told(self, heard: "_Heard", parts: Sequence[TargetVerdict]) -> dict[str, TargetVerdict]:
        """The parts with their spans; those that cannot be had are missing."""
        try:
            verdict = await self.classify(heard.conversation, spans=True)
        except ClassifierError:
            return {}
        return {part.target: part for part in verdict.flagged}

    async def _leaves_clean(self, heard: "_Heard", hidden: Mapping[str, HiddenSpans]) -> bool:
        left = await aside(len(heard.whole.messages), lambda: heard.without(hidden))
        if not any(message.text.strip() for message in left.messages):
            return False
        try:
            verdict = await self.classify(left)
        except ClassifierError:
            return False
        flagged = (part.target for part in verdict.flagged)
        return verdict.status != "too_long" and not any(
            name in self._hiding and self._scopes[name].let_through == heard.let_through for name in flagged
        )


@dataclass(frozen=True)
class _Heard:
    """What of a conversation something may follow from.

    Attributes
    ----------
    whole
        The conversation, whose offsets those of what is hidden are.
    conversation
        It without what is let through.
    """

    whole: Conversation
    conversation: Conversation
    kinds: Kinds
    let_through: frozenset[ScopeKind]

    def carrying_kinds(self, part: TargetVerdict) -> Set[ScopeKind]:
        """The kinds of the texts that carry a verdict; all of the conversation's where that is not known."""
        return {kind for index in part.messages or range(len(self.kinds)) for kind in self._kinds_of(index)}

    def _kinds_of(self, index: int) -> list[ScopeKind]:
        return [kind for kind in self.kinds[index] if kind not in self.let_through]

    def can_hide(self, part: TargetVerdict) -> bool:
        """Whether it is known what carries a verdict, and each of these messages has a place in the prompt."""
        return bool(part.messages) and all(self.whole.messages[index].content_end for index in part.messages)

    def in_spans(self, part: TargetVerdict, scope: TargetScope) -> frozenset[int]:
        """The messages that carry a verdict of which the flagged sentences are enough."""
        return frozenset(
            index
            for index in part.messages
            if scope.strongest(self._kinds_of(index)) is Consequence.CORRUPT_SPAN
            # Of one that was not read whole, the offsets may be others.
            and self.conversation.messages[index] == self.whole.messages[index]
            and len(self.whole.messages[index].text) >= _LONG
        )

    def stretches(self, part: TargetVerdict, in_spans: Set[int]) -> HiddenSpans:
        return tuple(
            MessageSpan(index, start, end)
            for index in part.messages
            for start, end in self._stretches(part, index, index in in_spans)
        )

    def _stretches(self, part: TargetVerdict, index: int, in_spans: bool) -> list[tuple[int, int]]:
        text = self.whole.messages[index].text
        end = self.whole.messages[index].content_end
        if not in_spans:
            return [(0, end)]
        spans = [(span.start, span.end) for span in part.spans if span.message == index]
        sentences = [
            (start, min(last, end))
            for start, last in split_sentences(text)
            if start < end and any(start < span_end and span_start < last for span_start, span_end in spans)
        ]
        return sentences or [(0, end)]

    def without(self, hidden: Mapping[str, HiddenSpans]) -> Conversation:
        """What the model sees of it."""
        return self.conversation.without(
            (span.message, span.start, span.end) for stretches in hidden.values() for span in stretches
        )
