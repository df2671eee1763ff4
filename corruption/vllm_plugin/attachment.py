"""The attachment to a worker's model runner, of either kind.

An attachment has two touch points: where requests come and go, and where a step's batch is laid out and its
model has not run. Both are methods of the runner's own objects.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from vllm.config import VllmConfig
from vllm.distributed.parallel_state import get_pp_group
from vllm.engine.arg_utils import EngineArgs
from vllm.logger import init_logger
from vllm.v1.worker.worker_base import WorkerWrapperBase

from lethe.corruption.vllm_plugin.compatibility import EngineRefusal, replace_method
from lethe.corruption.vllm_plugin.prefix_cache import require_blocks_apart_outside
from lethe.corruption.vllm_plugin.step import FlaggedPrompts

if TYPE_CHECKING:
    from lethe.corruption.vllm_plugin.embedding import CorruptibleEmbedding

logger = init_logger("vllm.lethe.attachment")


class WorkerGuard:
    """Mixed into vLLM's worker class by name, so that a worker which cannot import it does not start.

    vLLM only logs a plugin that fails on import, and a worker on another node may lack the package.
    """


def guard_workers() -> None:
    """Attach to the model runner of every worker of this process, once its model is loaded."""
    replace_method(EngineArgs, "create_engine_config", _require_guard)
    replace_method(WorkerWrapperBase, "init_device", _attach_after)


def _require_guard(original: Callable[..., VllmConfig]) -> Callable[..., VllmConfig]:
    def create_engine_config(self: EngineArgs, *args: Any, **kwargs: Any) -> VllmConfig:
        config = original(self, *args, **kwargs)
        # An operator's own extension keeps its place; workers then attach without being held to it.
        if not config.parallel_config.worker_extension_cls:
            config.parallel_config.worker_extension_cls = (
                f"{WorkerGuard.__module__}.{WorkerGuard.__qualname__}"
            )
        return config

    return create_engine_config


def _attach_after(original: Callable[..., None]) -> Callable[..., None]:
    def init_device(self: WorkerWrapperBase) -> None:
        original(self)
        runner = self.worker.model_runner
        require_supported_layout(self.vllm_config)
        require_blocks_apart_outside(self.vllm_config.kv_transfer_config)
        if self.vllm_config.model_config.runner_type == "generate":
            separate_compiled_graphs(self.vllm_config)
            attach = attach_v2 if self.vllm_config.use_v2_model_runner else attach_v1
            replace_method(runner, "load_model", lambda load: _loading_then(load, lambda: attach(runner)))

    return init_device


def _loading_then(load_model: Callable[..., None], attach: Callable[[], None]) -> Callable[..., None]:
    def load_and_attach(*args: Any, **kwargs: Any) -> None:
        load_model(*args, **kwargs)
        # Later stages of a pipeline get hidden states and embed nothing.
        if get_pp_group().is_first_rank:
            attach()

    return load_and_attach


def require_supported_layout(config: VllmConfig) -> None:
    """Refuse set-ups in which a row of the batch is not the row that the embedding sees.

    Raises
    ------
    EngineRefusal
        The engine splits steps into micro-batches, prefills across ranks, lays drafts out on the device, or serves an
        encoder-decoder.
    """
    if config.parallel_config.use_ubatching:
        raise EngineRefusal("micro-batching is on, which corruption does not support; leave --enable-dbo out")
    if config.parallel_config.prefill_context_parallel_size > 1:
        raise EngineRefusal(
            "prefill context parallelism is on, which corruption does not support; set it to 1"
        )
    if config.speculative_config is not None and config.speculative_config.enable_adaptive_verification:
        raise EngineRefusal(
            "adaptive verification of drafts is on, which corruption does not support; set enable_adaptive_verification "
            "to false"
        )
    if config.model_config.is_encoder_decoder:
        raise EngineRefusal("the model is an encoder-decoder, which corruption does not support")


def separate_compiled_graphs(config: VllmConfig) -> None:
    """Keep this engine from loading a graph that was compiled, and stored, without the plugin."""
    additional = config.additional_config
    if not isinstance(additional, dict):
        raise EngineRefusal("additional_config is not a dictionary; the plugin must note itself there")
    config.additional_config = {**additional, "lethe_corruption": True}


def attach_v1(runner: Any) -> None:
    """Attach to a loaded ``vllm.v1.worker.gpu_model_runner.GPUModelRunner`` or its CPU kind."""
    prompts = FlaggedPrompts()
    embedding = _corruptible_embedding(runner)
    # Rows of clients' embeddings are then left out of what is looked up, unless images are to be merged into it.
    looks_up_tokens_alone = runner.enable_prompt_embeds and not runner.supports_mm_inputs

    def updating(update_states: Callable[..., Any]) -> Callable[..., Any]:
        def update_and_note(scheduler_output: Any) -> Any:
            for request_id in scheduler_output.finished_req_ids:
                prompts.discard(request_id)
            for request in scheduler_output.scheduled_new_reqs:
                prompts.add(request.req_id, request.sampling_params, request.prompt_token_ids)
            return update_states(scheduler_output)

        return update_and_note

    def preprocessing(preprocess: Callable[..., Any]) -> Callable[..., Any]:
        def corrupt_then_preprocess(scheduler_output: Any, *args: Any, **kwargs: Any) -> Any:
            batch = runner.input_batch
            step = prompts.step(batch.req_ids, batch.num_computed_tokens_cpu, runner.query_start_loc.np)
            if step is not None:
                input_ids = runner.input_ids.gpu[: scheduler_output.total_num_scheduled_tokens]
                if looks_up_tokens_alone:
                    are_tokens = runner.is_token_ids.np[: len(input_ids)]
                    step, input_ids = step.among(are_tokens), input_ids[np.flatnonzero(are_tokens)]
                embedding.fill(step, input_ids)
            return preprocess(scheduler_output, *args, **kwargs)

        return corrupt_then_preprocess

    def forwarding(forward: Callable[..., Any]) -> Callable[..., Any]:
        def forward_then_clear(*args: Any, **kwargs: Any) -> Any:
            output = forward(*args, **kwargs)
            embedding.clear()
            return output

        return forward_then_clear

    # Ends of requests also come with steps that have no tokens, which are not preprocessed.
    replace_method(runner, "_update_states", updating)
    replace_method(runner, "_preprocess", preprocessing)
    replace_method(runner, "_model_forward", forwarding)
    logger.info("Corruption is attached to the V1 model runner.")


def attach_v2(runner: Any) -> None:
    """Attach to a loaded ``vllm.v1.worker.gpu.model_runner.GPUModelRunner``, by its model state."""
    prompts = FlaggedPrompts()
    embedding = _corruptible_embedding(runner)
    state = runner.model_state

    def adding(add_request: Callable[..., None]) -> Callable[..., None]:
        def add_and_note(req_index: int, new_req_data: Any) -> None:
            add_request(req_index, new_req_data)
            prompts.add(new_req_data.req_id, new_req_data.sampling_params, new_req_data.prompt_token_ids)

        return add_and_note

    def removing(remove_request: Callable[..., None]) -> Callable[..., None]:
        def remove_and_forget(req_id: str) -> None:
            prompts.discard(req_id)
            remove_request(req_id)

        return remove_and_forget

    waiting: list[Callable[[], None]] = []

    def preprocessing(preprocess_state: Callable[..., None]) -> Callable[..., None]:
        def corrupt_then_preprocess(input_batch: Any, *args: Any, **kwargs: Any) -> None:
            # The forward pass may be the replay of a graph, with nothing to hook after it.
            embedding.clear()
            waiting.clear()
            step = prompts.step(
                input_batch.req_ids, input_batch.num_computed_tokens_np, input_batch.query_start_loc_np
            )
            if step is not None:
                waiting.append(partial(embedding.fill, step, input_batch.input_ids[: input_batch.num_tokens]))
            if not runner.lora_config:
                fill_waiting()
            preprocess_state(input_batch, *args, **kwargs)

        return corrupt_then_preprocess

    # Until then, the adapters on the embedding's rows are those of the step before.
    def activating(set_active_loras: Callable[..., None]) -> Callable[..., None]:
        def activate_then_corrupt(*args: Any, **kwargs: Any) -> None:
            set_active_loras(*args, **kwargs)
            fill_waiting()

        return activate_then_corrupt

    def fill_waiting() -> None:
        while waiting:
            waiting.pop()()

    replace_method(state, "add_request", adding)
    replace_method(state, "remove_request", removing)
    replace_method(state, "preprocess_state", preprocessing)
    if runner.lora_config:
        replace_method(runner, "_set_active_loras", activating)
    logger.info("Corruption is attached to the V2 model runner.")


def _corruptible_embedding(runner: Any) -> "CorruptibleEmbedding":
    # vLLM's layers are imported by workers alone; every process of an engine imports this module.
    from lethe.corruption.vllm_plugin.embedding import CorruptibleEmbedding

    return CorruptibleEmbedding(
        runner.get_model(),
        max_tokens=runner.max_num_tokens,
        dtype=runner.model_config.dtype,
        device=runner.device,
        vocabulary=runner.model_config.get_vocab_size(),
    )
