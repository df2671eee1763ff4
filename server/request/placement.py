"""Where in a prompt each corruption falls: the flagged targets' positions as token ranges.

A corruption of the whole prompt, whose positions are ``all_but_last``, needs no tokenizer here, since the engine counts for
itself. For the others, and for those that are to fall on a few messages, the prompt is tokenized as the engine will do it; its length and digest travel along, and wherever the
two disagree, or nothing can be located, the engine corrupts every prompt token but the last.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import StrEnum

import orjson

from lethe.classifier.verdict import Span, Verdict
from lethe.corruption.chat_template import ChatTemplateError
from lethe.corruption.positions import SPAN_KINDS, MessageSpan, PromptTokenizer, TokenizedPrompt
from lethe.corruption.request import CorruptionRequest, CorruptionRequestError, PlacedCorruption
from lethe.server.endpoints.endpoint import GuardedRequest
from lethe.server.engines.tokenizer import ServedTokenizer
from lethe.server.guard.decision import Decision
from lethe.server.metrics import Metrics


class WholePrompt(StrEnum):
    """Why a corruption that was to fall on chosen tokens falls on all but the last."""

    NO_TOKENIZER = "no_tokenizer"
    SEVERAL_PROMPTS = "several_prompts"
    NOT_TOKENIZED = "not_tokenized"
    NOT_LOCATED = "not_located"


# Tokenizing so few bytes takes half a millisecond, and a thread may wait for longer than that to begin.
_SHORT = 1000


class Placer:
    """Places the corruptions of a decision.

    Parameters
    ----------
    metrics
        Shows each request whose corruption falls on all but the last token although it asks for chosen ones.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._whole_prompts = metrics.counter(
            "lethe_whole_prompts",
            "Requests whose corruption fell on the whole prompt although it was to fall on a part, by reason.",
            ("reason",),
        )
        for reason in WholePrompt:
            self._whole_prompts.labels(reason.value)

    async def place(
        self, request: GuardedRequest, decision: Decision, tokenizer: ServedTokenizer
    ) -> CorruptionRequest:
        """The corruption request for a decision to corrupt.

        Parameters
        ----------
        tokenizer
            That of the model that is asked.
        """
        everywhere = CorruptionRequest(decision.corruptions)
        if not any(_chooses(placed, decision) for placed in decision.corruptions):
            return everywhere
        loaded = await tokenizer.loaded()
        if _length(request) <= _SHORT:
            placed = _place(request, decision, loaded)
        else:
            placed = await asyncio.to_thread(_place, request, decision, loaded)
        if isinstance(placed, WholePrompt):
            self._whole_prompts.labels(placed.value).inc()
            return everywhere
        if any(_chooses(each, decision) and each.ranges is None for each in placed.placed):
            self._whole_prompts.labels(WholePrompt.NOT_LOCATED.value).inc()
        return placed


async def tokenized(request: GuardedRequest, tokenizer: ServedTokenizer) -> TokenizedPrompt | None:
    """A request's prompt as the engine's tokens; None where they cannot be known here."""
    loaded = await tokenizer.loaded()
    return loaded and await asyncio.to_thread(_tokenize, loaded, request)


def _place(
    request: GuardedRequest, decision: Decision, tokenizer: PromptTokenizer | None
) -> CorruptionRequest | WholePrompt:
    if tokenizer is None:
        return WholePrompt.NO_TOKENIZER
    # They share one corruption request, and ranges can speak of one of them only.
    if len(decision.verdicts) != 1:
        return WholePrompt.SEVERAL_PROMPTS
    prompt = _tokenize(tokenizer, request)
    if prompt is None:
        return WholePrompt.NOT_TOKENIZED
    placed = tuple(_with_ranges(each, prompt, decision) for each in decision.corruptions)
    return CorruptionRequest(placed, len(prompt.token_ids), prompt.digest)


def _chooses(placed: PlacedCorruption, decision: Decision) -> bool:
    return placed.corruption.positions != "all_but_last" or placed.target in decision.hidden


def _length(request: GuardedRequest) -> int:
    return len(orjson.dumps(request.body))


def _tokenize(tokenizer: PromptTokenizer, request: GuardedRequest) -> TokenizedPrompt | None:
    try:
        return request.tokenized(tokenizer)
    except (ChatTemplateError, TypeError):
        return None


def _with_ranges(placed: PlacedCorruption, prompt: TokenizedPrompt, decision: Decision) -> PlacedCorruption:
    positions = placed.corruption.positions
    spans = _spans(placed.target, decision.verdicts, SPAN_KINDS.get(positions))
    try:
        return replace(placed, ranges=prompt.ranges(positions, spans, decision.hidden.get(placed.target)))
    except CorruptionRequestError:
        # More ranges than an engine takes.
        return placed


def _spans(target: str, verdicts: Sequence[Verdict], kind: str | None) -> Iterable[MessageSpan]:
    found: list[Span] = [
        span
        for verdict in verdicts
        for part in verdict.targets
        if part.target == target
        for span in part.spans
        if span.kind == kind
    ]
    return [MessageSpan(span.message, span.start, span.end) for span in found]
