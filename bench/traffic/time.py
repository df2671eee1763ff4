"""How much processor time ordinary requests take and how much memory, by the number of targets."""

import gc
import math
import multiprocessing
import re
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

import numpy as np

from bench.page import table
from bench.traffic.judge import Judge, heads_of
from bench.traffic.requests import LENGTHS, Sources, requests_of_length

COUNTS = (1, 10, 100)
# Of each length, over all kinds.
_REQUESTS = {2_000: 560, 8_000: 280, 32_000: 140, 128_000: 42, 400_000: 14}


@dataclass(frozen=True)
class Timed:
    """One request, asked cold, and the processor time that it took."""

    kind: str
    length: int
    characters: int
    seconds: float


@dataclass(frozen=True)
class Timing:
    """All requests, asked of one service.

    Attributes
    ----------
    peak_mebibytes
        Most memory that the process had, which holds the service and one request at a time.
    """

    targets: int
    requests: tuple[Timed, ...]
    peak_mebibytes: float


def time_requests(sources: Sources, bundles: Sequence[Path], share: float) -> list[Timing]:
    """Time the same requests with one target, ten and a hundred, each in a process of its own."""
    timings = []
    for count in COUNTS:
        # Memory is a process's, and its peak never falls.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            timings.append(process.submit(_timing, sources, tuple(bundles), count, share).result())
    return timings


def time_tables(timings: Sequence[Timing]) -> str:
    """Tables of the times, pooled by targets and length, then of one target by kind."""
    pooled = []
    for timing in timings:
        for length in LENGTHS:
            found = [each for each in timing.requests if each.length == length]
            pooled.append([str(timing.targets), f"{length:,}", *_figures(found)])
    memory = ", ".join(f"{timing.peak_mebibytes:.0f} MiB with {timing.targets}" for timing in timings)
    kinds = sorted({each.kind for each in timings[0].requests})
    rows = [
        [kind, f"{length:,}", *_figures(found)]
        for kind in kinds
        for length in LENGTHS
        if (found := [each for each in timings[0].requests if (each.kind, each.length) == (kind, length)])
    ]
    header = ["characters", "requests", "median, ms", "p95, ms", "characters a second"]
    return (
        f"{table(['targets', *header], pooled)}\n\nPeak memory of the process: {memory}.\n\n"
        f"One target, by kind:\n\n{table(['kind', *header], rows)}"
    )


def _timing(sources: Sources, bundles: tuple[Path, ...], count: int, share: float) -> Timing:
    with tempfile.TemporaryDirectory() as folder:
        heads = heads_of(bundles, count, Path(folder))
        with Judge(heads) as judge:
            judge.verdict(next(requests_of_length(sources, LENGTHS[0])).conversation, spans=True)
            # As the proxy does once it is ready.
            gc.collect()
            gc.freeze()
            timed = [each for length in LENGTHS for each in _of_length(judge, sources, length, share)]
    for length, found in groupby(timed, key=lambda each: each.length):
        median = 1000 * float(np.median([each.seconds for each in found]))
        print(f"time, {count} targets, {length:,} characters: median {median:.1f} ms", flush=True)
    return Timing(count, tuple(timed), _peak_mebibytes())


def _peak_mebibytes() -> float:
    # What getrusage tells is inherited from the process that started this one.
    status = Path("/proc/self/status").read_text()
    peak = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(peak[1]) / 1024 if peak else math.nan


def _of_length(judge: Judge, sources: Sources, length: int, share: float) -> list[Timed]:
    wanted = max(1, round(share * _REQUESTS[length]))
    return [
        Timed(each.kind, length, each.characters, judge.verdict(each.conversation, spans=True).seconds)
        for each in islice(requests_of_length(sources, length), wanted)
    ]


def _figures(found: Sequence[Timed]) -> list[str]:
    if not found:
        return ["0", "–", "–", "–"]
    seconds = [each.seconds for each in found]
    speed = sum(each.characters for each in found) / sum(seconds)
    median, high = 1000 * np.median(seconds), 1000 * np.quantile(seconds, 0.95)
    return [str(len(found)), f"{median:.1f}", f"{high:.1f}", f"{speed:,.0f}"]
