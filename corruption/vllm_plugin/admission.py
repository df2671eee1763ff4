"""The check of corruption requests in the API server, where a bad one can still be answered with an error.

What passes is settled: explicit ranges by the engine's own count of the prompt, so that neither the workers nor the
prefix cache have anything left to decide.
"""

import json
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import vllm
from vllm.exceptions import VLLMValidationError
from vllm.logger import init_logger
from vllm.v1.engine import EngineCoreRequest
from vllm.v1.engine.input_processor import InputProcessor

from lethe.corruption.block_keys import whole_prompt_digest
from lethe.corruption.request import WIRE_VERSION, CorruptionRequest, CorruptionRequestError
from lethe.corruption.vllm_plugin.compatibility import replace_method
from lethe.corruption.vllm_plugin.telemetry import CORRUPTED, DISAGREEMENTS, INFO, REFUSED

logger = init_logger("vllm.lethe.admission")


def guard_admission() -> None:
    """Put `admit` behind vLLM's input processor."""
    replace_method(InputProcessor, "__init__", _announce)
    replace_method(InputProcessor, "process_inputs", _admit_each)


def _announce(original: Callable[..., None]) -> Callable[..., None]:
    def __init__(self: InputProcessor, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        runner = "v2" if self.vllm_config.use_v2_model_runner else "v1"
        INFO.labels(
            version=_own_version(),
            vllm_version=vllm.__version__,
            runner=runner,
            wire=str(WIRE_VERSION),
        ).set(1)

    return __init__


def _admit_each(original: Callable[..., EngineCoreRequest]) -> Callable[..., EngineCoreRequest]:
    def process_inputs(self: InputProcessor, *args: Any, **kwargs: Any) -> EngineCoreRequest:
        request = original(self, *args, **kwargs)
        try:
            admit(
                request,
                self.model_config.get_hidden_size(),
                leaves_engine=self.vllm_config.kv_transfer_config is not None,
            )
        except CorruptionRequestError as error:
            REFUSED.inc()
            raise VLLMValidationError(f"corruption refused: {error}", parameter="vllm_xargs") from None
        return request

    return process_inputs


def admit(request: EngineCoreRequest, hidden_size: int, *, leaves_engine: bool = False) -> None:
    """Settle the corruption of a request that carries one; leave any other as it is.

    Parameters
    ----------
    request
        As vLLM's input processor made it. Its ``sampling_params`` are its own copy.
    hidden_size
        Width of the model's embeddings.
    leaves_engine
        Whether cached blocks are kept or sent outside the engine, which may name them otherwise than it does. The
        prompt then gets a salt of its own, which it shares with nothing but itself.

    Raises
    ------
    CorruptionRequestError
        The corruption cannot be read, or cannot be carried out on this prompt or model.
    """
    if request.sampling_params is None:
        return
    wanted = CorruptionRequest.from_xargs(request.sampling_params.extra_args)
    if wanted is None:
        return
    if request.prompt_token_ids is None or request.prompt_embeds is not None:
        raise CorruptionRequestError("a prompt of embeddings cannot be corrupted; send text or tokens")
    if request.resumable:
        raise CorruptionRequestError("a prompt that arrives in parts cannot be corrupted; send it whole")
    for placed in wanted.placed:
        if placed.corruption.dims > hidden_size:
            raise CorruptionRequestError(
                f"dims {placed.corruption.dims} of {placed.target!r} is over the model's hidden size {hidden_size}"
            )
    if not wanted.agrees_with(request.prompt_token_ids):
        _report_disagreement(wanted, len(request.prompt_token_ids))
    settled = wanted.on(request.prompt_token_ids)
    extra_args = request.sampling_params.extra_args or {}
    request.sampling_params.extra_args = {**extra_args, **settled.to_xargs()}
    if leaves_engine:
        corruption = json.dumps([request.cache_salt, settled.to_xargs()])
        request.cache_salt = f"lethe-{whole_prompt_digest(corruption, request.prompt_token_ids)}"
    CORRUPTED.inc()


def _report_disagreement(wanted: CorruptionRequest, tokens: int) -> None:
    DISAGREEMENTS.inc()
    logger.warning(
        "Corruption request for %s counts %s prompt tokens, the engine %d; corrupting all but the last.",
        ", ".join(placed.target for placed in wanted.placed),
        wanted.prompt_tokens,
        tokens,
    )


def _own_version() -> str:
    try:
        return version("lethegate")
    except PackageNotFoundError:
        return "unknown"
