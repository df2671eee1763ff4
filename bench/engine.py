"""What corruption costs the engine: the same load with and without the plugin, and with another design.

Runs are interleaved, and ratios are taken within a round. The section is written after each round, so that a run that is ended
leaves what it has measured.
"""

import argparse
import importlib.metadata
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.batches import NEW_TOKENS, PROMPT_TOKENS, open_engine, rounded_up, tokens_per_second
from bench.page import machine, table, vllm_distribution, write_section
from bench.stopped_engine import StoppedEngine, answer_loads, end_with_its_engines
from lethe.corruption.artifact import Corruption
from lethe.corruption.request import CorruptionRequest, PlacedCorruption
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


@dataclass(frozen=True)
class MeasuringPlan:
    """What is measured, and how.

    Attributes
    ----------
    compiled
        Whether vLLM compiles the model.
    processor_time
        Whether seconds are the processor's and not the wall's, which others on the machine draw out. Engines then have one
        process and one thread, and less is measured in a round.
    """

    compiled: bool
    processor_time: bool

    @property
    def batches(self) -> Sequence[int]:
        return (1, 8, 32) if self.processor_time else BATCHES

    @property
    def loads(self) -> Sequence[tuple[str, float]]:
        return LOADS[:3] if self.processor_time else LOADS

    @property
    def variants(self) -> Sequence[str]:
        return tuple(dict.fromkeys(variant for variant, _ in self.loads))

    @property
    def options(self) -> list[str]:
        """Of the command line."""
        return ["--compiled"] * self.compiled + ["--processor-time"] * self.processor_time

    @property
    def environment(self) -> dict[str, str]:
        """Of an engine."""
        if not self.processor_time:
            return {}
        alone = {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
        return alone | {"OMP_NUM_THREADS": "1"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="model folder; the small model if left out")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compiled", action="store_true", help="let vLLM compile the model")
    parser.add_argument("--processor-time", action="store_true", help="for a machine that has more to do")
    parser.add_argument("--serve", choices=[BARE, PROMPT_EMBEDS, PLUGIN], help=argparse.SUPPRESS)
    options = parser.parse_args()
    end_with_its_engines()
    model = options.model or prepare_smollm2(cache_folder())
    plan = MeasuringPlan(options.compiled, options.processor_time)
    if options.serve:
        serve(model, options.serve, plan)
    else:
        load = os.getloadavg()[0]
        for rounds, rates in measure(model, options.rounds, plan):
            report(rates, model, rounds, plan, (load, os.getloadavg()[0]))


def serve(model: Path, variant: str, plan: MeasuringPlan) -> None:
    """Be an engine; a load is a batch size and a share."""
    prompt_embeds = {"enable_prompt_embeds": True} if variant == PROMPT_EMBEDS else {}
    engine = open_engine(model, max(plan.batches), enforce_eager=not plan.compiled, **prompt_embeds)
    corruption = Corruption("rand_noise_first_n", 1.0, 8, seed=1)
    xargs: dict[str, Any] = {**CorruptionRequest((PlacedCorruption("bench", "1", corruption),)).to_xargs()}
    clock = time.process_time if plan.processor_time else time.perf_counter

    def run(batch: int, share: float) -> float:
        flagged = rounded_up(share, batch)
        asked = [xargs if index < flagged else None for index in range(batch)]
        return tokens_per_second(engine, asked, clock=clock)

    for batch in plan.batches:
        run(batch, 0.0)
    answer_loads(run)


def _engine(model: Path, variant: str, plan: MeasuringPlan) -> StoppedEngine:
    command = ["-m", "bench.engine", "--model", str(model), "--serve", variant, *plan.options]
    plugins = {"VLLM_PLUGINS": "lethe" if variant == PLUGIN else ""}
    return StoppedEngine(variant, command, plan.environment | plugins)


def measure(
    model: Path, rounds: int, plan: MeasuringPlan
) -> Iterator[tuple[int, dict[tuple[str, float, int], list[float]]]]:
    """After each round its number, and tokens a second of every load, one number a round."""
    rates: dict[tuple[str, float, int], list[float]] = defaultdict(list)
    engines: dict[str, StoppedEngine] = {}
    try:
        for variant in plan.variants:
            engines[variant] = _engine(model, variant, plan)
            engines[variant].wait_until_ready()
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
            for batch in plan.batches:
                # In another order each round, so that none always follows the same one.
                first = number % len(plan.loads)
                for variant, share in (*plan.loads[first:], *plan.loads[:first]):
                    rates[variant, share, batch].append(engines[variant].tokens_per_second(batch, share))
            yield number + 1, rates
    finally:
        for engine in engines.values():
            engine.stop()


def report(
    rates: Mapping[tuple[str, float, int], Sequence[float]],
    model: Path,
    rounds: int,
    plan: MeasuringPlan,
    load: tuple[float, float],
) -> None:
    """Write the section of the installed release.

    Parameters
    ----------
    load
        Of the machine, at the beginning and at the end.
    """
    rows = []
    for variant, share in plan.loads:
        if variant == BARE:
            cells = [f"{statistics.median(rates[BARE, 0.0, batch]):.0f} tok/s" for batch in plan.batches]
        else:
            cells = [_ratio(rates[variant, share, batch], rates[BARE, 0.0, batch]) for batch in plan.batches]
        rows.append([f"{variant}, {share:.0%} flagged" if variant == PLUGIN else variant, *cells])
    mode = "compiled" if plan.compiled else "eager"
    measured = ", by processor time" if plan.processor_time else ""
    seconds = "a second of the processor, one thread," if plan.processor_time else "a second"
    body = "\n\n".join(
        [
            f"{machine(vllm_distribution(), 'torch')}; load {load[0]:.0f} at the beginning and {load[1]:.0f} at the end. "
            f"{model.name}, bfloat16, {mode}; {PROMPT_TOKENS} prompt and {NEW_TOKENS} generated tokens a request, no prefix "
            f"caching. Tokens {seconds} by batch size; below the first line ratios to it, paired by round: median of {rounds} "
            "(its 95 % interval).",
            table(["", *map(str, plan.batches)], rows),
        ]
    )
    arguments = " ".join(([f"--rounds {rounds}"] if rounds != 5 else []) + plan.options)
    command = "make bench-engine" + (f' ARGS="{arguments}"' if arguments else "")
    version = importlib.metadata.version(vllm_distribution())
    write_section(
        "benchmarks.md", f"Corruption in the engine, vLLM {version}, {mode}{measured}", command, body
    )


def _ratio(rates: Sequence[float], bare: Sequence[float]) -> str:
    paired = [rate / other for rate, other in zip(rates, bare, strict=True)]
    low, high = bootstrap(np.median, paired)
    return f"{statistics.median(paired):.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main()
