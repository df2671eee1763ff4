"""What corruption costs an engine on a GPU: the same load with and without the plugin.

Engines take turns, and ratios are taken within a round.
"""

import argparse
import statistics
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.engine.batches import open_engine, rounded_up, tokens_per_second
from bench.engine.stopped_engine import StoppedEngine, answer_loads, end_with_its_engines
from bench.gpu_engine.scenarios import V1, V2
from lethe.corruption.artifact import Corruption
from lethe.corruption.request import CorruptionRequest, PlacedCorruption

BATCH = 64
NEW_TOKENS = 128
BARE, PLUGIN = "no plugin", "plugin"
LOADS = ((BARE, 0.0), (PLUGIN, 0.0), (PLUGIN, 0.5))
# Runner, attention, and whether the model is compiled and replayed from CUDA graphs.
Setup = tuple[str, str, bool]
SETUPS: tuple[Setup, ...] = (
    (V2, "TRITON_ATTN", False),
    (V2, "TRITON_ATTN", True),
    (V2, "FLASH_ATTN", True),
    (V1, "TRITON_ATTN", True),
)
_GPU = {"kv_cache_memory_bytes": 4 << 30, "gpu_memory_utilization": 0.05}
_GRAPHS = {"compilation_config": {"cudagraph_capture_sizes": [1, 8, 16, 32, 64]}}


def serve(model: Path, attention: str, compiled: bool, batch: int) -> None:
    """Be an engine; a load is the share of a batch that is flagged."""
    options = {**_GPU, "attention_backend": attention, "enforce_eager": not compiled}
    engine = open_engine(model, batch, **options, **(_GRAPHS if compiled else {}))
    xargs: Any = CorruptionRequest(
        (PlacedCorruption("bench", "1", Corruption("rand_noise_first_n", 1.0, 8, seed=1)),)
    ).to_xargs()

    def run(share: float) -> float:
        flagged = rounded_up(share, batch)
        # Flagged and clean in turn, as they come.
        requests = [xargs if index * flagged % batch < flagged else None for index in range(batch)]
        return tokens_per_second(engine, requests, new_tokens=NEW_TOKENS)

    run(0.0)
    answer_loads(run)


def measure_setup(
    model: Path,
    setup: Setup,
    rounds: int,
    logs: Path,
    turn: threading.Lock,
    started: list[StoppedEngine],
    keep: Callable[[Mapping[str, Any]], None],
    batch: int = BATCH,
) -> None:
    """Measure one set-up, and give what is known of it after every round.

    Parameters
    ----------
    logs
        Folder for what the engines say.
    turn
        Held while measuring, so that set-ups start side by side and are measured one after another.
    started
        Gets the engines, for a caller that gives up before they end.
    batch
        Requests at once.

    Raises
    ------
    SystemExit
        An engine did not start.
    """
    runner, attention, compiled = setup
    rates: dict[tuple[str, float], list[float]] = defaultdict(list)
    engines: dict[str, StoppedEngine] = {}
    try:
        for variant in (BARE, PLUGIN):
            engine = StoppedEngine(
                f"{runner} {attention} {variant}",
                ["-m", __name__, str(model), attention, "--batch", str(batch), *["--compiled"] * compiled],
                {
                    "VLLM_PLUGINS": "lethe" if variant == PLUGIN else "",
                    "VLLM_USE_V2_MODEL_RUNNER": "1" if runner == V2 else "0",
                },
                logs / f"speed-{runner}-{attention}-{'compiled' if compiled else 'eager'}-{variant}.log",
            )
            engines[variant] = engine
            started.append(engine)
        for engine in engines.values():
            engine.wait_until_ready()
        with turn:
            for variant, share in LOADS:  # Kernels for a step's shape are compiled the first time.
                engines[variant].tokens_per_second(share)
            for number in range(rounds):
                for variant, share in LOADS[number % len(LOADS) :] + LOADS[: number % len(LOADS)]:
                    rates[variant, share].append(engines[variant].tokens_per_second(share))
                keep(_summary(setup, rates))
    finally:
        for engine in engines.values():
            engine.stop()


def _summary(setup: Setup, rates: Mapping[tuple[str, float], Sequence[float]]) -> dict[str, Any]:
    runner, attention, compiled = setup
    bare = rates[BARE, 0.0]
    return {
        "runner": runner,
        "attention": attention,
        "compiled": compiled,
        "rounds": len(bare),
        "bare_tokens_per_second": statistics.median(bare),
        "ratios": {
            str(share): [rate / other for rate, other in zip(rates[variant, share], bare, strict=True)]
            for variant, share in LOADS
            if variant == PLUGIN
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("attention")
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--batch", type=int, default=BATCH)
    options = parser.parse_args()
    end_with_its_engines()
    serve(options.model, options.attention, options.compiled, options.batch)


if __name__ == "__main__":
    main()
