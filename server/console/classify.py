"""What the guard makes of a prompt: its verdicts, the words that carry them, and the tokens that are corrupted."""

import time
from typing import Annotated, Any

import pydantic
from fastapi import APIRouter, Request

from lethe.classifier.conversation import Conversation
from lethe.classifier.verdict import TargetVerdict, Verdict
from lethe.corruption.positions import TokenizedPrompt
from lethe.corruption.request import CorruptionRequest
from lethe.server.access.access import Access
from lethe.server.access.keys import ApiKey
from lethe.server.console.auth import administrator
from lethe.server.console.prompt import PlaygroundBody, read_request
from lethe.server.endpoints.chat import ChatRequest
from lethe.server.engines.models import Models
from lethe.server.errors import Unavailable
from lethe.server.guard.decision import Decision, Outcome
from lethe.server.guard.guard import Guard
from lethe.server.openapi import body_schema
from lethe.server.request.placement import Placer, tokenized
from lethe.server.settings.settings import Settings
from lethe.server.targets.targets import TargetSet

# A page sends what it has in parts, so that no request takes long and its progress can be shown.
_MOST_TEXTS = 64


class TextsBody(pydantic.BaseModel):
    """Texts to judge, each by itself."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True)

    texts: Annotated[list[str], pydantic.Field(min_length=1, max_length=_MOST_TEXTS)]


def add_classify_routes(
    router: APIRouter, settings: Settings, models: Models, guard: Guard, placer: Placer, access: Access
) -> None:
    """Add the routes that judge without asking the model."""

    @router.post("/console/api/judge", openapi_extra=body_schema(PlaygroundBody))
    async def judge(request: Request) -> dict[str, Any]:
        """One prompt, in all detail."""
        key = administrator(request, access)
        body = await read_request(request, settings, PlaygroundBody)
        served = models.asked(body.model, key)
        parsed = ChatRequest(body.as_chat())
        (conversation,) = parsed.conversations([])
        started = time.perf_counter()
        decision = await guard.decide([conversation], key, served=served, explain=True)
        seconds = time.perf_counter() - started
        targets = guard.targets_before(served)
        corruption = (
            await placer.place(parsed, decision, served.tokenizer)
            if decision.outcome is Outcome.CORRUPT
            else CorruptionRequest(())
        )
        return {
            "outcome": decision.outcome.value,
            "reason": decision.reason,
            "classify_ms": 1000 * seconds,
            "text": conversation.messages[0].text,
            "targets": [_in_detail(part, targets, key) for part in _verdict(decision).targets],
            **_tokens(await tokenized(parsed, served.tokenizer), corruption),
        }

    @router.post("/console/api/classify", openapi_extra=body_schema(TextsBody))
    async def classify(request: Request) -> dict[str, Any]:
        """Several texts: each one's probabilities, by target."""
        key = administrator(request, access)
        body = await read_request(request, settings, TextsBody)
        results = []
        for text in body.texts:
            verdict = _verdict(await guard.decide([Conversation.from_prompt(text)], key))
            results.append(
                {"status": verdict.status, "targets": [_in_short(part) for part in verdict.targets]}
            )
        return {"results": results}


def _verdict(decision: Decision) -> Verdict:
    if not decision.verdicts:
        raise Unavailable(f"There is no verdict: {decision.reason}.", retry_after_s=1)
    return decision.verdicts[0]


def _in_short(part: TargetVerdict) -> dict[str, Any]:
    return {
        "target": part.target,
        "probability": part.probability,
        "threshold": part.threshold,
        "flagged": part.flagged,
    }


def _in_detail(part: TargetVerdict, targets: TargetSet, key: ApiKey) -> dict[str, Any]:
    target = next((each for each in targets if each.name == part.target), None)
    return _in_short(part) | {
        "version": target.version if target else "",
        "action": target.action_for(key).value if target else "",
        "spans": [
            {"start": span.start, "end": span.end, "weight": span.weight, "kind": span.kind}
            for span in part.spans
            if span.message == 0
        ],
    }


def _tokens(prompt: TokenizedPrompt | None, corruption: CorruptionRequest) -> dict[str, Any]:
    """The prompt's tokens as character offsets into its text, and by target the token ranges that are corrupted."""
    if prompt is None:
        return {
            "rendered": None,
            "tokens": None,
            "corrupted": {placed.target: None for placed in corruption.placed},
        }
    # What the engine takes where nothing is said: all but the last, or the only one.
    everywhere = ((0, max(1, len(prompt.token_ids) - 1)),)
    return {
        "rendered": prompt.chat.text,
        "tokens": prompt.offsets,
        "corrupted": {placed.target: placed.ranges or everywhere for placed in corruption.placed},
    }
