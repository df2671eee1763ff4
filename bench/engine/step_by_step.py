"""What corruption costs the engine's processor: an engine with the plugin and one without it, step by step.

Where a machine has other work, rates of whole batches scatter by more than the plugin costs. Here both engines are given the same
batch and take turns at its steps, so that whatever the machine does meanwhile falls on both.

``python -m bench.engine.step_by_step [--rounds 4] [--compiled]``
"""

import argparse
import importlib.metadata
import os
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bench.engine.batches import NEW_TOKENS, PROMPT_TOKENS
from bench.engine.twins import ENVIRONMENT, Twins, attach_nothing, attach_plugin
from bench.page import machine, table, vllm_distribution, write_section
from lethe.models.cache import cache_folder
from lethe.models.smollm2 import prepare_smollm2

BATCHES = (1, 8, 32)
SHARES = (0.0, 0.5)

Load = tuple[int, float]
"""Batch size, and the share that is flagged."""


def main() -> None:
    """Measure, and write the section of the installed release after each round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="model folder; the small model if left out")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--compiled", action="store_true", help="let vLLM compile the model")
    parser.add_argument(
        "--alike", action="store_true", help="leave the plugin out of both engines, and print what comes out"
    )
    options = parser.parse_args()
    os.environ |= ENVIRONMENT
    model = options.model or prepare_smollm2(cache_folder())
    before = os.getloadavg()[0]
    attach = attach_nothing if options.alike else attach_plugin
    twins = Twins(model, max(BATCHES), attach, enforce_eager=not options.compiled)
    steps: dict[Load, list[list[tuple[float, float]]]] = defaultdict(list)
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
        for batch in BATCHES:
            for share in SHARES:
                steps[batch, share].append(twins.seconds(batch, share, plugin_first=number % 2 == 1))
        seconds = {load: np.array(rounds) for load, rounds in steps.items()}
        if options.alike:
            print(ratios(seconds), flush=True)
        else:
            report(seconds, model, options.compiled, (before, os.getloadavg()[0]))


def ratio(seconds: NDArray[np.float64]) -> float:
    """The ratio of tokens a second with the plugin to those without it.

    Of the first step, which reads the prompts, and of all others, the median of what one takes of the other is had by itself;
    they count as much as their steps take without the plugin.

    Parameters
    ----------
    seconds
        Of shape (rounds, steps, 2), without the plugin and with it.
    """
    bare = np.median(seconds[..., 0], axis=0)
    share = bare[0] / bare.sum()
    added = seconds[..., 1] / seconds[..., 0]
    return 1 / float(share * np.median(added[:, 0]) + (1 - share) * np.median(added[:, 1:]))


def over_batches(seconds: Sequence[NDArray[np.float64]]) -> tuple[float, float, float]:
    """The mean ratio of batches, each time that one was gone through by itself, and its 95 % interval by Student's t.

    Steps of one batch differ from those of another by where its memory happens to lie, so batches are what is counted.

    Parameters
    ----------
    seconds
        Of each size of batch, as :func:`ratio` takes them.
    """
    found = [ratio(batch[None]) for rounds in seconds for batch in rounds]
    mean = float(np.mean(found))
    low, high = stats.t.interval(0.95, len(found) - 1, mean, stats.sem(found))
    return mean, float(low), float(high)


def ratios(seconds: Mapping[Load, NDArray[np.float64]]) -> str:
    """A table of tokens a second without the plugin, and of the ratios with it."""
    rows = [["no plugin"]]
    for batch in BATCHES:
        whole = np.median(seconds[batch, 0.0][..., 0], axis=0).sum()
        rows[0].append(f"{batch * NEW_TOKENS / whole:.0f} tok/s")
    rows[0].append("")
    for share in SHARES:
        of_share = [seconds[batch, share] for batch in BATCHES]
        at, low, high = over_batches(of_share)
        cells = [f"{ratio(batch):.3f}" for batch in of_share]
        rows.append([f"plugin, {share:.0%} flagged", *cells, f"{at:.3f} ({low:.3f} to {high:.3f})"])
    return table(["", *map(str, BATCHES), "all"], rows)


def report(
    seconds: Mapping[Load, NDArray[np.float64]], model: Path, compiled: bool, load: tuple[float, float]
) -> None:
    """Write the section of the installed release.

    Parameters
    ----------
    load
        Of the machine, at the beginning and at the end.
    """
    rounds, steps, _ = seconds[1, 0.0].shape
    mode = "compiled" if compiled else "eager"
    times = "once" if rounds == 1 else f"{rounds} times"
    body = (
        f"{machine(vllm_distribution(), 'torch')}; load {load[0]:.0f} at the beginning and {load[1]:.0f} at the end. {model.name}, "
        f"bfloat16, {mode}; {PROMPT_TOKENS} prompt and {NEW_TOKENS} generated tokens a request, no prefix caching. An engine with the "
        f"plugin and one without, on one core and with the weights in the same memory, took turns at the {steps} steps of a batch, "
        f"{times}. Tokens a second of the processor, one thread, by batch size; below the first line ratios to it, from the medians "
        "of what a step with the plugin takes of the same step without it, and of all batches gone through the mean (95 % interval by "
        "Student's t over the batches of these two processes; two others may differ by more)."
    )
    # Another release has an environment of its own.
    environment = Path(sys.prefix).name
    python = "python" if environment == ".venv" else f"{environment}/bin/python"
    arguments = f" --rounds {rounds}" + " --compiled" * compiled
    version = importlib.metadata.version(vllm_distribution())
    write_section(
        "benchmarks.md",
        f"Corruption in the engine, vLLM {version}, {mode}, by processor time",
        f"{python} -m bench.engine.step_by_step{arguments}",
        f"{body}\n\n{ratios(seconds)}",
    )


if __name__ == "__main__":
    main()
