"""Where in a prompt each corruption falls: the flagged targets' positions as token ranges.

A corruption of the whole prompt, whose positions are ``all_but_last``, needs no tokenizer here, since the engine counts for
itself. For the others, and for those that are to fall on a few messages, the prompt is tokenized as the engine will do it; its length and digest travel along, and wherever the
two disagree, or nothing can be located, the engine corrupts every prompt token but the last.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

import orjson

from lethe.classifier.verdict import Span, Verdict
from lethe.corruption.chat_template import ChatTemplateError
from lethe.corruption.positions import SPAN_KINDS, MessageSpan, PromptTokenizer, TokenizedPrompt
from lethe.corruption.request import CorruptionRequest, PlacedCorruption
from lethe.models.locate import ModelNotFound, hub_folder, named_folder
from lethe.server.endpoints.endpoint import GuardedRequest
from lethe.server.guard.decision import Decision
from lethe.server.metrics import Metrics

_LOGGER = logging.getLogger("lethe.placement")


class WholePrompt(StrEnum):
    """Why a corruption that was to fall on chosen tokens falls on all but the last."""

    NO_TOKENIZER = "no_tokenizer"
    SEVERAL_PROMPTS = "several_prompts"
    NOT_TOKENIZED = "not_tokenized"
    NOT_LOCATED = "not_located"


# Tokenizing so few bytes takes half a millisecond, and a thread may wait for longer than that to begin.
_SHORT = 1000
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template*")


class Placer:
    """Places the corruptions of a decision.

    Parameters
    ----------
    find_tokenizer
        Gives the folder or hub id of the served model's tokenizer, None where it is not known. Asked when a
        corruption first needs it.
    metrics
        Shows each request whose corruption falls on all but the last token although it asks for chosen ones.
    """

    def __init__(self, find_tokenizer: Callable[[], str | None], metrics: Metrics) -> None:
        self._find_tokenizer = find_tokenizer
        self._whole_prompts = metrics.counter(
            "lethe_whole_prompts",
            "Requests whose corruption fell on the whole prompt although it was to fall on a part, by reason.",
            ("reason",),
        )
        for reason in WholePrompt:
            self._whole_prompts.labels(reason.value)
        self._loading = threading.Lock()
        self._loaded = False
        self._tokenizer: PromptTokenizer | None = None

    async def place(self, request: GuardedRequest, decision: Decision) -> CorruptionRequest:
        """The corruption request for a decision to corrupt."""
        everywhere = CorruptionRequest(decision.corruptions)
        if not any(_chooses(placed, decision) for placed in decision.corruptions):
            return everywhere
        if self._loaded and _length(request) <= _SHORT:
            placed = self._place(request, decision)
        else:
            placed = await asyncio.to_thread(self._place, request, decision)
        if isinstance(placed, WholePrompt):
            self._whole_prompts.labels(placed.value).inc()
            return everywhere
        if any(_chooses(each, decision) and each.ranges is None for each in placed.placed):
            self._whole_prompts.labels(WholePrompt.NOT_LOCATED.value).inc()
        return placed

    async def tokenized(self, request: GuardedRequest) -> TokenizedPrompt | None:
        """A request's prompt as the engine's tokens; None where they cannot be known here."""
        tokenizer = await asyncio.to_thread(self._get_tokenizer)
        return tokenizer and await asyncio.to_thread(_tokenize, tokenizer, request)

    def _place(self, request: GuardedRequest, decision: Decision) -> CorruptionRequest | WholePrompt:
        tokenizer = self._get_tokenizer()
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

    def _get_tokenizer(self) -> PromptTokenizer | None:
        with self._loading:
            if not self._loaded:
                source = self._find_tokenizer()
                try:
                    self._tokenizer = PromptTokenizer.load(tokenizer_folder(source)) if source else None
                except (ModelNotFound, OSError, ValueError) as error:
                    _LOGGER.warning(
                        "no tokenizer, so whole prompts are corrupted; set engine.tokenizer to a folder, or HF_TOKEN "
                        "for a gated model: %s",
                        " ".join(str(error).split()),
                    )
                self._loaded = True
            return self._tokenizer


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
    return replace(placed, ranges=prompt.ranges(positions, spans, decision.hidden.get(placed.target)))


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


def tokenizer_folder(source: str) -> Path:
    """The folder of a tokenizer that is named by its folder or hub id, downloaded if need be.

    Raises
    ------
    ModelNotFound
        There is none.
    """
    return named_folder(source) or hub_folder(source, _TOKENIZER_FILES)
