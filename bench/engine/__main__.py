"""What corruption costs the engine: the same load with and without the plugin, and with another design.

Runs are interleaved, and ratios are taken within a round. The section is written after each round, so that a run that is ended
leaves what it has measured.
"""

import argparse
import importlib.metadata
import os
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from bench.engine.batches import NEW_TOKENS, PROMPT_TOKENS, flagged_requests, open_engine, tokens_per_second
from bench.engine.stopped_engine import StoppedEngine, answer_loads, end_with_its_engines
from bench.page import machine, table, vllm_distribution, write_section
from lethe.models.cache import cache_folder
from lethe.models.smollm2 import prepare_smollm2
from lethe.offline.metrics.intervals import bootstrap

BATCHES = (1, 2, 4, 8, 16, 32)
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
    end_with_its_engines()
    model = options.model or prepare_smollm2(cache_folder())
    if options.serve:
        serve(model, options.serve, options.compiled)
    else:
        load = os.getloadavg()[0]
        for rounds, rates in measure(model, options.rounds, options.compiled):
            report(rates, model, rounds, options.compiled, (load, os.getloadavg()[0]))


def serve(model: Path, variant: str, compiled: bool) -> None:
    """Be an engine; a load is a batch size and a share."""
    prompt_embeds = {"enable_prompt_embeds": True} if variant == PROMPT_EMBEDS else {}
    engine = open_engine(model, max(BATCHES), enforce_eager=not compiled, **prompt_embeds)

    def run(batch: int, share: float) -> float:
        return tokens_per_second(engine, flagged_requests(batch, share))

    for batch in BATCHES:
        run(batch, 0.0)
    answer_loads(run)


def measure(
    model: Path, rounds: int, compiled: bool
) -> Iterator[tuple[int, dict[tuple[str, float, int], list[float]]]]:
    """After each round its number, and tokens a second of every load, one number a round."""
    rates: dict[tuple[str, float, int], list[float]] = defaultdict(list)
    engines: dict[str, StoppedEngine] = {}
    try:
        for variant in dict.fromkeys(variant for variant, _ in LOADS):
            command = ["-m", "bench.engine", "--model", str(model), "--serve", variant]
            plugins = {"VLLM_PLUGINS": "lethe" if variant == PLUGIN else ""}
            engines[variant] = StoppedEngine(variant, command + ["--compiled"] * compiled, plugins)
            engines[variant].wait_until_ready()
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
            for batch in BATCHES:
                # In another order each round, so that none always follows the same one.
                first = number % len(LOADS)
                for variant, share in LOADS[first:] + LOADS[:first]:
                    rates[variant, share, batch].append(engines[variant].tokens_per_second(batch, share))
            yield number + 1, rates
    finally:
        for engine in engines.values():
            engine.stop()


def report(
    rates: Mapping[tuple[str, float, int], Sequence[float]],
    model: Path,
    rounds: int,
    compiled: bool,
    load: tuple[float, float],
) -> None:
    """Write the section of the installed release.

    Parameters
    ----------
    load
        Of the machine, at the beginning and at the end.
    """
    rows = []
    for variant, share in LOADS:
        if variant == BARE:
            cells = [f"{statistics.median(rates[BARE, 0.0, batch]):.0f} tok/s" for batch in BATCHES]
        else:
            cells = [_ratio(rates[variant, share, batch], rates[BARE, 0.0, batch]) for batch in BATCHES]
        rows.append([f"{variant}, {share:.0%} flagged" if variant == PLUGIN else variant, *cells])
    mode = "compiled" if compiled else "eager"
    body = "\n\n".join(
        [
            f"{machine(vllm_distribution(), 'torch')}; load {load[0]:.0f} at the beginning and {load[1]:.0f} at the end. "
            f"{model.name}, bfloat16, {mode}; {PROMPT_TOKENS} prompt and {NEW_TOKENS} generated tokens a request, no prefix "
            f"caching. Tokens a second by batch size; below the first line ratios to it, paired by round: median of {rounds} "
            "(its 95 % interval).",
            table(["", *map(str, BATCHES)], rows),
        ]
    )
    arguments = " ".join(([f"--rounds {rounds}"] if rounds != 5 else []) + ["--compiled"] * compiled)
    command = "make bench-engine" + (f' ARGS="{arguments}"' if arguments else "")
    version = importlib.metadata.version(vllm_distribution())
    write_section("benchmarks.md", f"Corruption in the engine, vLLM {version}, {mode}", command, body)


def _ratio(rates: Sequence[float], bare: Sequence[float]) -> str:
    paired = [rate / other for rate, other in zip(rates, bare, strict=True)]
    low, high = bootstrap(np.median, paired)
    return f"{statistics.median(paired):.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main()
