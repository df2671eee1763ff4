"""What the engine does to a request's prompt: one answer for the workers, which do it, and for the cache, which names it."""

from collections.abc import Mapping
from typing import Any

from vllm.logger import init_logger

from lethe.corruption.artifact import MAX_DIMS, Corruption
from lethe.corruption.plan import Plan, make_plan
from lethe.corruption.request import XARGS_KEY, CorruptionRequest, CorruptionRequestError, PlacedCorruption

logger = init_logger("vllm.lethe.applied")

# Of embeddings of any width.
_BLANK = CorruptionRequest((PlacedCorruption("", "", Corruption("zero_out_first_n", 0.0, MAX_DIMS)),))


def is_flagged(sampling_params: Any) -> bool:
    """Whether vLLM's sampling parameters of a request, which may be None, carry a corruption."""
    return bool(sampling_params and sampling_params.extra_args and XARGS_KEY in sampling_params.extra_args)


def applied_plan(request_id: str, extra_args: Mapping[str, Any], prompt_tokens: int) -> Plan:
    """Work out what is done to the prompt of a request that carries a corruption.

    A corruption that was made for another count of tokens falls on every token but the last. One that cannot be
    carried out blanks them: admission lets none of these through, so whoever sent it came around admission.
    """
    try:
        request = CorruptionRequest.from_xargs(extra_args)
        assert request is not None
        if request.prompt_tokens in (None, prompt_tokens):
            return make_plan(request, prompt_tokens)
        logger.warning(
            "Request %s: %s prompt tokens expected, %d found.",
            request_id,
            request.prompt_tokens,
            prompt_tokens,
        )
        return make_plan(request.everywhere(), prompt_tokens)
    except CorruptionRequestError as error:
        logger.warning("Request %s: %s; its prompt is blanked.", request_id, error)
        return make_plan(_BLANK, prompt_tokens)
