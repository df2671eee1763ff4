"""What corruption costs the engine: the same load with and without the plugin, and with another design.

Runs are interleaved, and ratios are taken within a round.
"""

import argparse
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from bench.batches import NEW_TOKENS, PROMPT_TOKENS, open_engine, rounded_up, tokens_per_second
from bench.page import DOCS, machine, table, vllm_distribution, write_section
from bench.stopped_engine import StoppedEngine, answer_loads, end_with_its_engines
from lethe.corruption.artifact import Corruption
from lethe.corruption.request import CorruptionRequest, PlacedCorruption
from lethe.models.cache import cache_folder
from lethe.models.smollm2 import prepare_smollm2

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
    cache = cache_folder()
    model = options.model or prepare_smollm2(cache)
    if options.serve:
        serve(model, options.serve, options.compiled)
    else:
        report(measure(model, options.rounds, options.compiled), model, options.rounds, options.compiled)


def serve(model: Path, variant: str, compiled: bool) -> None:
    """Be an engine; a load is a batch size and a share."""
    prompt_embeds = {"enable_prompt_embeds": True} if variant == PROMPT_EMBEDS else {}
    engine = open_engine(model, max(BATCHES), enforce_eager=not compiled, **prompt_embeds)
    corruption = Corruption("rand_noise_first_n", 1.0, 8, seed=1)
    xargs: dict[str, Any] = {**CorruptionRequest((PlacedCorruption("bench", "1", corruption),)).to_xargs()}

    def run(batch: int, share: float) -> float:
        flagged = rounded_up(share, batch)
        return tokens_per_second(engine, [xargs if index < flagged else None for index in range(batch)])

    for batch in BATCHES:
        run(batch, 0.0)
    answer_loads(run)


def _engine(model: Path, variant: str, compiled: bool) -> StoppedEngine:
    command = ["-m", "bench.engine", "--model", str(model), "--serve", variant, *["--compiled"] * compiled]
    return StoppedEngine(variant, command, {"VLLM_PLUGINS": "lethe" if variant == PLUGIN else ""})


def measure(model: Path, rounds: int, compiled: bool) -> dict[tuple[str, float, int], list[float]]:
    """Tokens a second of every load, one number a round."""
    rates: dict[tuple[str, float, int], list[float]] = defaultdict(list)
    engines: dict[str, StoppedEngine] = {}
    try:
        for variant in (BARE, PLUGIN, PROMPT_EMBEDS):
            engines[variant] = _engine(model, variant, compiled)
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
    mode = "compiled" if compiled else "eager"
    name = f"benchmarks-engine{'-compiled' if compiled else ''}.png"
    plot(ratios, DOCS / name)
    body = "\n\n".join(
        [
            f"{machine(vllm_distribution(), 'torch')}. {model.name}, bfloat16, {mode}; {PROMPT_TOKENS} prompt and {NEW_TOKENS} "
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
