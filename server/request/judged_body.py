"""An answer in one body: judged whole, and made anew if it tells what is to be forgotten."""

from collections.abc import Callable
from typing import Any

import orjson
from fastapi.responses import Response

from lethe.server.endpoints.answer_form import with_identity
from lethe.server.engines.answer import EngineAnswer
from lethe.server.errors import EngineFailed
from lethe.server.guard.answers import MADE_ANEW
from lethe.server.guard.decision import Decision, Outcome
from lethe.server.guard.policy import strongest
from lethe.server.request.answer_judge import AnswerJudge
from lethe.server.request.blocked import blocked
from lethe.server.request.relay import buffered


async def judged_body(
    upstream: EngineAnswer, judge: AnswerJudge, refusal: Callable[[], Response], *, observed: bool
) -> Response:
    """The answer as the engine gave it, or another one.

    If one of several choices tells something, all of them are made anew, or refused.

    Parameters
    ----------
    refusal
        Gives what stands for an answer that is refused.
    observed
        Whether it is passed on whatever is decided.

    Raises
    ------
    EngineFailed
        The engine broke off, or what it answered cannot be read.
    APIError
        The answer could not be judged, and so is not given; or as of `EnginePool.post` when the model is asked anew.
    """
    response = await buffered(upstream)
    document = _read(response)
    decision = await _judged(document, judge)
    if observed or decision is None:
        return response
    if decision.outcome in MADE_ANEW:
        response = await buffered(await judge.make_anew(decision, _tokens(document)))
        anew = _read(response)
        decision = await _judged(anew, judge)
        response.body = with_identity(bytes(response.body), anew, document)
        response.headers["content-length"] = str(len(response.body))
    if decision is not None and decision.outcome is Outcome.BLOCK:
        raise blocked(decision)
    return refusal() if decision is not None and decision.outcome is Outcome.REFUSE else response


async def _judged(document: dict[str, Any], judge: AnswerJudge) -> Decision | None:
    """The strongest of the decisions on all choices; None if they show nothing."""
    shown = judge.form.read(document).shown
    judge.read(shown)
    decisions = await judge.look({each.choice for each in shown})
    return strongest(decisions.values())


def _read(response: Response) -> dict[str, Any]:
    try:
        document = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise EngineFailed("The engine answered what cannot be read.")
    return document


def _tokens(document: dict[str, Any]) -> int:
    usage = document.get("usage") or {}
    tokens = usage.get("completion_tokens", usage.get("output_tokens"))
    return tokens if isinstance(tokens, int) else 0
