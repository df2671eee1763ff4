"""What adapters cost the engine: no requests, half of them and all of them with one, of 1, 8 and 32 adapters.

Adapters of random weights cost what trained ones cost. Runs are interleaved, and ratios are taken within a round.
"""

import argparse
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.engine.batches import NEW_TOKENS, PROMPT_TOKENS, open_engine, rounded_up, tokens_per_second
from bench.engine.random_adapters import write_random_adapter
from bench.engine.stopped_engine import StoppedEngine, answer_loads, end_with_its_engines
from bench.page import machine, table, vllm_distribution, write_section
from lethe.models.cache import cache_folder
from lethe.models.smollm2 import prepare_smollm2

BATCHES = (1, 8, 32)
COUNTS = (0, 1, 8, 32)
SHARES = (0.0, 0.5, 1.0)
RANK = 16

Load = tuple[int, float]
"""How many adapters the engine has, and the share of requests with one."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="model folder; the small model if left out")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--batches", type=int, nargs="+", default=BATCHES, help="batch sizes; 32 takes a CPU minutes a load"
    )
    parser.add_argument("--serve", type=int, choices=COUNTS, help=argparse.SUPPRESS)
    parser.add_argument("--adapters", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    end_with_its_engines()
    cache = cache_folder()
    model = options.model or prepare_smollm2(cache)
    if options.serve is not None:
        serve(model, options.serve, options.adapters, options.batches)
        return
    with tempfile.TemporaryDirectory() as name:
        for number in range(max(COUNTS)):
            write_random_adapter(model, Path(name) / str(number), rank=RANK, seed=number)
        rates = measure(model, Path(name), options.rounds, options.batches)
    report(rates, model, options.rounds, options.batches)


def serve(model: Path, count: int, adapters: Path, batches: Sequence[int]) -> None:
    """Be an engine with so many adapters; a load is a batch size and a share."""
    from vllm.lora.request import LoRARequest

    room: dict[str, Any] = (
        {"enable_lora": True, "max_loras": count + 1, "max_lora_rank": RANK} if count else {}
    )
    engine = open_engine(model, max(batches), **room)
    loaded = [LoRARequest(str(number), number + 1, str(adapters / str(number))) for number in range(count)]

    def run(batch: int, share: float) -> float:
        adapted = rounded_up(share, batch)
        chosen = [loaded[index % count] if index < adapted else None for index in range(batch)]
        return tokens_per_second(engine, [None] * batch, chosen)

    for batch in batches:
        run(batch, 1.0 if count else 0.0)
    answer_loads(run)


def measure(
    model: Path, adapters: Path, rounds: int, batches: Sequence[int]
) -> dict[tuple[Load, int], list[float]]:
    """Tokens a second of every load and batch size, one number a round."""
    rates: dict[tuple[Load, int], list[float]] = defaultdict(list)
    engines: dict[int, StoppedEngine] = {}
    try:
        for count in COUNTS:
            command = ["-m", "bench.engine.adapters", "--model", str(model), "--adapters", str(adapters)]
            command += ["--batches", *map(str, batches)]
            engines[count] = StoppedEngine(
                f"{count} adapters", [*command, "--serve", str(count)], {"VLLM_PLUGINS": "lethe"}
            )
            engines[count].wait_until_ready()
        loads = _loads()
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
            for batch in batches:
                # In another order each round, so that none always follows the same one.
                for count, share in loads[number % len(loads) :] + loads[: number % len(loads)]:
                    rates[(count, share), batch].append(engines[count].tokens_per_second(batch, share))
    finally:
        for engine in engines.values():
            engine.stop()
    return rates


def report(
    rates: dict[tuple[Load, int], list[float]], model: Path, rounds: int, batches: Sequence[int]
) -> None:
    """Write the section."""
    rows = []
    for count, share in _loads():
        cells = []
        for batch in batches:
            rate = statistics.median(rates[(count, share), batch])
            cells.append(f"{rate:.0f} tok/s, {1000 * batch / rate:.1f} ms")
            if count:
                bare = rates[(0, 0.0), batch]
                ratios = [a / b for a, b in zip(rates[(count, share), batch], bare, strict=True)]
                cells[-1] += f", {statistics.median(ratios):.2f}"
        rows.append([str(count) if count else "none, LoRA off", f"{share:.0%}", *cells])
    explanation = (
        f"{machine(vllm_distribution(), 'torch')}. {model.name}, bfloat16, eager; adapters of rank {RANK} on every "
        f"linear layer, spread evenly over the requests that have one, a slot for each; {PROMPT_TOKENS} prompt and {NEW_TOKENS} "
        "generated tokens a request, no prefix caching. By batch size: tokens a second, time of a token, and the ratio of "
        f"tokens a second to an engine without LoRA, paired by round; medians of {rounds}."
    )
    sizes = " ".join(map(str, batches))
    header = ["adapters", "requests with one", *(f"batch of {batch}" for batch in batches)]
    write_section(
        "benchmarks.md",
        "Adapters in the engine",
        "make bench-adapters"
        if tuple(batches) == BATCHES
        else f'make bench-adapters ARGS="--batches {sizes}"',
        f"{explanation}\n\n{table(header, rows)}",
    )


def _loads() -> list[Load]:
    return [(0, 0.0), *((count, share) for count in COUNTS if count for share in SHARES)]


if __name__ == "__main__":
    main()
