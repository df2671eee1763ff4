"""Two engines that differ in the plugin alone, and that take turns step by step. V1 runner alone.

The process is forked once the model is loaded, and the plugin attaches in the other one. Both read the same weights in memory, and run on
the same core.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

from bench.engine.batches import flagged_requests, open_engine, processor_seconds

# One process and one thread, so that the processor's time is the engine's.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "THP_MEM_ALLOC_ENABLE": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "VLLM_PLUGINS": "",
}


class Twins:
    """An engine without the plugin in this process, and one with it in a fork.

    Parameters
    ----------
    model
        A model folder.
    largest_batch
        That they have room for.
    attach
        What comes into the other engine once the model is loaded; takes vLLM's worker.
    options
        Further arguments of ``vllm.LLM``.
    """

    def __init__(
        self, model: Path, largest_batch: int, attach: Callable[[Any], None], **options: Any
    ) -> None:
        from vllm.v1.worker.gpu_worker import Worker

        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        self._other, end = multiprocessing.Pipe()
        load_model = Worker.load_model
        forked = False

        def load_then_fork(worker: Worker, **arguments: Any) -> None:
            nonlocal forked
            load_model(worker, **arguments)
            forked = os.fork() == 0
            if forked:
                attach(worker)

        setattr(Worker, load_model.__name__, load_then_fork)
        self._engine = open_engine(model, largest_batch, **options)
        if forked:
            self._other.close()
            _answer_steps(self._engine, end)
        end.close()

    def seconds(self, batch: int, share: float, *, plugin_first: bool) -> list[tuple[float, float]]:
        """Go through a batch: the processor's seconds of each step, without the plugin and with it.

        Parameters
        ----------
        share
            Of the requests, those that are flagged where the plugin is.
        plugin_first
            Which engine has the first step; they change over after each.
        """
        here = processor_seconds(self._engine, flagged_requests(batch, 0.0))
        there = self._of_the_other(batch, share)
        pairs: list[tuple[float, float]] = []
        while True:
            if (len(pairs) + plugin_first) % 2:
                pair = (next(there, None), next(here, None))[::-1]
            else:
                pair = next(here, None), next(there, None)
            if pair[0] is None or pair[1] is None:
                return pairs
            pairs.append((pair[0], pair[1]))

    def _of_the_other(self, batch: int, share: float) -> Iterator[float]:
        asked: tuple[int, float] | None = (batch, share)
        while True:
            self._other.send(asked)
            seconds = self._other.recv()
            if seconds is None:
                return
            yield seconds
            asked = None


def attach_plugin(worker: Any) -> None:
    """Put the plugin into an engine whose model is loaded."""
    from lethe.corruption.vllm_plugin import register
    from lethe.corruption.vllm_plugin.attachment import attach_v1, separate_compiled_graphs

    register()
    separate_compiled_graphs(worker.vllm_config)
    attach_v1(worker.model_runner)


def attach_nothing(worker: Any) -> None:
    """Leave both engines alike."""


def _answer_steps(engine: Any, asked: Connection) -> NoReturn:
    """Be the other engine: answer a load with the seconds of its first step, and each none with those of the next one."""
    steps: Iterator[float] = iter(())
    try:
        while True:
            load = asked.recv()
            if load is not None:
                steps = processor_seconds(engine, flagged_requests(*load))
            asked.send(next(steps, None))
    except EOFError:
        os._exit(0)
