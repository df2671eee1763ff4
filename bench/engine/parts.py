"""What the plugin adds to an engine's steps, part by part and without an engine: ``python -m bench.engine.parts``.

Where a machine has other work, rates of whole engines scatter by more than the plugin costs. Its parts can be repeated until one run
of them met with nothing else; the least of many runs is taken.
"""

import argparse
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from bench.engine.batches import NEW_TOKENS, PROMPT_TOKENS, rounded_up
from bench.page import machine, table, vllm_distribution, write_section
from lethe.corruption.artifact import Corruption
from lethe.corruption.request import CorruptionRequest, PlacedCorruption

# As SmolLM2-135M has them.
_WIDTH, _VOCABULARY = 576, 49_152
_BATCHES = (1, 8, 32)
_REPEATS = 200


def main() -> None:
    """Measure, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--tokens-per-second",
        type=float,
        nargs=len(_BATCHES),
        required=True,
        help=f"of an engine without the plugin, by batches of {', '.join(map(str, _BATCHES))}, to set the parts beside",
    )
    rates = parser.parse_args().tokens_per_second
    rows = []
    for batch, rate in zip(_BATCHES, rates, strict=True):
        whole = batch * NEW_TOKENS / rate
        clean, flagged = (_added(batch, share) for share in (0.0, 0.5))
        rows.append(
            [
                str(batch),
                f"{whole * 1000:,.0f} ms",
                *(f"{added * 1000:.2f} ms ({1 / (1 + added / whole):.4f})" for added in (clean, flagged)),
            ]
        )
    header = ("batch", "without the plugin", "added, 0% flagged", "added, 50% flagged")
    body = (
        f"{machine(vllm_distribution(), 'torch')}. Processor time of one thread, the least of {_REPEATS} runs of each part: the "
        "check of a request and its plan, the bookkeeping of every step, the selection at the lookup, alone and not fused, and corruption "
        f"in the step of the prompts (`rand_noise_first_n`, 8 dims). Added to a batch of requests of {PROMPT_TOKENS} prompt and "
        f"{NEW_TOKENS} generated tokens, all of whose prompts come in one step; in brackets what ratio this makes beside an engine of "
        f"{', '.join(f'{rate:g}' for rate in rates)} tokens a second."
    )
    command = f"python -m bench.engine.parts --tokens-per-second {' '.join(f'{rate:g}' for rate in rates)}"
    write_section(
        "benchmarks.md", "Corruption in the engine, part by part", command, f"{body}\n\n{table(header, rows)}"
    )


def _added(batch: int, share: float) -> float:
    """Seconds that the plugin adds to a batch."""
    import torch

    from lethe.corruption.vllm_plugin.embedding import CorruptibleEmbedding
    from lethe.corruption.vllm_plugin.step import FlaggedPrompts

    model = _model()
    rows = batch * PROMPT_TOKENS
    weights = model.embed_tokens.weight.data
    embedding = CorruptibleEmbedding(model, rows, torch.bfloat16, torch.device("cpu"), vocabulary=_VOCABULARY)
    prompts = FlaggedPrompts()
    corruption = Corruption("rand_noise_first_n", 1.0, 8, seed=1)
    xargs = CorruptionRequest((PlacedCorruption("bench", "1", corruption),)).to_xargs()
    names = [str(index) for index in range(batch)]
    token_ids = np.arange(rows) % _VOCABULARY
    ids = torch.from_numpy(token_ids.astype(np.int32))
    prompt = [*range(PROMPT_TOKENS)]
    flagged = rounded_up(share, batch)

    def admit() -> None:
        for index, name in enumerate(names):
            extra_args = None
            if index < flagged and (wanted := CorruptionRequest.from_xargs(xargs)):
                extra_args = wanted.on(prompt).to_xargs()
            prompts.add(name, SimpleNamespace(extra_args=extra_args), prompt)

    def prefill() -> None:
        step = prompts.step(names, np.zeros(batch, np.int32), np.arange(batch + 1) * PROMPT_TOKENS)
        if step is not None:
            embedding.fill(step, ids)
        embedding.clear()

    def decode() -> None:
        prompts.step(names, np.full(batch, PROMPT_TOKENS, np.int32), np.arange(batch + 1))
        embedding.clear()

    def selection(tokens: int) -> float:
        some = ids[:tokens]
        with_plugin = _least(lambda: model.embed_input_ids(some))
        return max(0.0, with_plugin - _least(lambda: torch.nn.functional.embedding(some, weights)))

    with torch.inference_mode():
        steps = NEW_TOKENS - 1
        admitted = _least(admit)
        return admitted + _least(prefill) + selection(rows) + steps * (_least(decode) + selection(batch))


def _least(part: Callable[[], Any]) -> float:
    best = float("inf")
    for _ in range(_REPEATS):
        began = time.thread_time_ns()
        part()
        best = min(best, time.thread_time_ns() - began)
    return best / 1e9


def _model() -> Any:
    import torch
    from torch import Tensor, nn
    from vllm.config import VllmConfig, set_current_vllm_config
    from vllm.distributed import parallel_state
    from vllm.model_executor.layers.vocab_parallel_embedding import VocabParallelEmbedding
    from vllm.utils.network_utils import get_open_port

    class Embedding(nn.Module):
        """A model that is its embedding."""

        def __init__(self) -> None:
            super().__init__()
            self.embed_tokens = VocabParallelEmbedding(_VOCABULARY, _WIDTH, params_dtype=torch.bfloat16)

        def embed_input_ids(self, input_ids: Tensor) -> Tensor:
            return self.embed_tokens(input_ids)

        def forward(self, input_ids: Tensor) -> Tensor:
            return self.embed_input_ids(input_ids)

    with set_current_vllm_config(VllmConfig()):
        if not parallel_state.model_parallel_is_initialized():
            address = f"tcp://127.0.0.1:{get_open_port()}"
            parallel_state.init_distributed_environment(1, 0, address, 0, backend="gloo")
            parallel_state.ensure_model_parallel_initialized(1, 1, backend="gloo")
        torch.set_num_threads(1)
        return Embedding()


if __name__ == "__main__":
    main()
