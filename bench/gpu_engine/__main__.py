"""Tries the vLLM that is installed on this machine's GPU: ``python -m bench.gpu_engine FOLDER``.

Engines run side by side, each in processes of its own; what is found is written at once, and docs/gpu.md at the end. With
``--page`` nothing is run, and the page is written from what an earlier run found. With ``--rehearse`` every kind of step is gone
through where there is no GPU, on what vLLM's CPU build can do of it, and the page is left in the folder.
"""

import argparse
import json
import os
import queue
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from bench.engine.job import JobFailed
from bench.engine.random_adapters import write_random_adapter
from bench.engine.stopped_engine import StoppedEngine
from bench.gpu_engine.correctness import ReferenceAnswers, compare_scenario
from bench.gpu_engine.page import write_page
from bench.gpu_engine.proof import FAULTS, prove, run_alone
from bench.gpu_engine.records import Records
from bench.gpu_engine.requests import make_batches
from bench.gpu_engine.scenarios import EXACT, SCENARIOS, SHARED_GPU, V1, Scenario
from bench.gpu_engine.speed import BATCH, SETUPS, Setup, measure_setup
from bench.model_matrix.architectures import ARCHITECTURES, Architecture
from bench.model_matrix.comparison import compare
from lethe.models.cache import cache_folder
from lethe.models.smollm2 import prepare_smollm2

_JOB_SECONDS = 180
_REHEARSAL_SECONDS = 900
_REHEARSAL_BATCH = 4
# Tried first of the matrix, should time run out.
_FIRST_MODELS = ("Qwen3", "Gemma 3", "Mixtral", "DeepSeek-V3", "Qwen2.5-VL")
_LOG_TAIL = 6000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where results and logs are kept")
    parser.add_argument("--minutes", type=float, default=30, help="after which nothing new is started")
    parser.add_argument("--speed-minutes", type=float, default=4, help="of these, for measuring speed")
    parser.add_argument("--workers", type=int, default=4, help="checks side by side, of two engines each")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--first", type=int, help="run this many of the scenarios, and no models or speed")
    parser.add_argument("--page", action="store_true", help="write the page from earlier results")
    parser.add_argument("--rehearse", action="store_true", help="go through the steps without a GPU")
    options = parser.parse_args()
    if options.page:
        write_page(options.folder)
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / "records.jsonl").unlink(missing_ok=True)
    run = _Run(options.folder, options.minutes * 60, options.speed_minutes * 60, options.rehearse)
    run.describe()
    run.check(options.workers, run.scenarios[: options.first])
    if options.first is None:
        run.measure_speed(options.rounds)
        run.try_models(options.workers)
        page = None
        if options.rehearse:
            page = (options.folder / "gpu.md").resolve()
            page.write_text("# A rehearsal without a GPU\n")
        write_page(options.folder, page)


# Kind of the record, what names it, and what makes it.
Jobs = queue.SimpleQueue[tuple[str, dict[str, Any], Callable[[], None]]]


class _Run:
    """One run, from an empty file of records to a full one."""

    def __init__(self, folder: Path, seconds: float, speed_seconds: float, rehearsal: bool) -> None:
        self._rehearsal = rehearsal
        self._job_seconds = _REHEARSAL_SECONDS if rehearsal else _JOB_SECONDS
        self._folder = folder
        self._records = Records(folder / "records.jsonl")
        self._end = time.monotonic() + seconds
        self._speed_seconds = speed_seconds
        self._model = prepare_smollm2(cache_folder())

    @property
    def scenarios(self) -> Sequence[Scenario]:
        """Those that this machine can run."""
        if not self._rehearsal:
            return SCENARIOS
        return [each for each in SCENARIOS if each.runner == V1 and each.arguments["enforce_eager"]]

    def describe(self) -> None:
        """Write what is installed here."""
        command = [sys.executable, "-m", "bench.gpu_engine.installation"]
        said = run_alone(command, os.environ, self._job_seconds)
        # What is logged as the process ends stands behind it.
        objects = [line for line in said.splitlines() if line.startswith('{"python"')]
        if not objects:
            raise SystemExit(f"vLLM cannot be imported here:\n{said[-_LOG_TAIL:]}")
        found = json.loads(objects[-1])
        self._records.add("installation", **found)
        if "device" not in found and not self._rehearsal:
            raise SystemExit("there is no GPU here that PyTorch can use")

    def check(self, workers: int, scenarios: Sequence[Scenario]) -> None:
        """Run scenarios and proofs, as many side by side as there are workers."""
        adapter = self._folder / "adapter"
        write_random_adapter(self._model, adapter, rank=8, scale=0.2, layers=("q_proj", "v_proj"))
        answers = ReferenceAnswers.load(self._model, adapter)
        batches = make_batches(answers.reference, adapter)

        def scenario_job(scenario: Scenario) -> Callable[[], None]:
            def job() -> None:
                agreement = compare_scenario(
                    scenario, self._model, batches, answers, self._folder, self._job_seconds
                )
                self._records.add(
                    "scenario",
                    name=scenario.name,
                    runner=scenario.runner,
                    dtype=scenario.dtype,
                    holds=agreement.holds(scenario.dtype),
                    **asdict(agreement),
                )

            return job

        jobs: queue.SimpleQueue[tuple[str, dict[str, str], Callable[[], None]]] = queue.SimpleQueue()
        for scenario in scenarios:
            named = {"name": scenario.name, "runner": scenario.runner, "dtype": scenario.dtype}
            jobs.put(("scenario", named, scenario_job(scenario)))
        for fault in (None, *FAULTS):
            jobs.put(("proof", {"fault": str(fault)}, partial(self._prove, fault)))
        self._work_off(jobs, workers, self._end - self._speed_seconds)

    def try_models(self, workers: int) -> None:
        """Run the matrix of models, as many side by side as there are workers."""
        jobs: Jobs = queue.SimpleQueue()
        tried = sorted(ARCHITECTURES, key=lambda each: each.name not in _FIRST_MODELS)
        for architecture in tried[: 1 if self._rehearsal else None]:
            jobs.put(("model", {"name": architecture.name}, partial(self._try_model, architecture)))
        self._work_off(jobs, workers, self._end)

    def _work_off(self, jobs: Jobs, workers: int, end: float) -> None:
        threads = [threading.Thread(target=self._work, args=(jobs, end)) for _ in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _work(self, jobs: Jobs, end: float) -> None:
        while time.monotonic() < end:
            try:
                kind, named, job = jobs.get_nowait()
            except queue.Empty:
                return
            try:
                job()
            except JobFailed as failure:
                self._records.add(kind, **named, error=str(failure)[-_LOG_TAIL:])
            except Exception:
                self._records.add(kind, **named, error=traceback.format_exc()[-_LOG_TAIL:])

    def _prove(self, fault: str | None) -> None:
        proof = prove(self._model, fault, self._job_seconds)
        known = proof.served or proof.refusal
        self._records.add(
            "proof",
            fault=fault,
            served=proof.served,
            refusal=proof.refusal,
            **({} if known else {"error": proof.log[-_LOG_TAIL:]}),
        )

    def _try_model(self, architecture: Architecture) -> None:
        with tempfile.TemporaryDirectory() as folder:
            result = compare(architecture, Path(folder), SHARED_GPU, EXACT)
        self._records.add(
            "model", name=architecture.name, **asdict(result) | {"outcome": result.outcome.value}
        )

    def measure_speed(self, rounds: int) -> None:
        """Measure every set-up, started side by side and measured one after another."""
        end = min(self._end, time.monotonic() + self._speed_seconds)
        turn = threading.Lock()
        started: list[StoppedEngine] = []

        def measure(setup: Setup) -> None:
            runner, attention, compiled = setup
            try:
                measure_setup(
                    self._model,
                    setup,
                    rounds,
                    self._folder,
                    turn,
                    started,
                    lambda found: self._records.add("speed", **found),
                    _REHEARSAL_BATCH if self._rehearsal else BATCH,
                )
            except (Exception, SystemExit) as failure:
                self._records.add(
                    "speed", runner=runner, attention=attention, compiled=compiled, error=repr(failure)
                )

        setups: Sequence[Setup] = ((V1, "TRITON_ATTN", False),) if self._rehearsal else SETUPS
        threads = [threading.Thread(target=measure, args=(setup,), daemon=True) for setup in setups]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
        for engine in started:
            engine.stop()


if __name__ == "__main__":
    main()
