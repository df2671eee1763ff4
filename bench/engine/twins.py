"""Two engines that differ in the plugin alone, and that take turns step by step. V1 runner alone.

A process that has loaded the model is forked twice, and the plugin attaches in one of the forks. Both read the same weights in memory,
run on the same core, and have none of the threads that the process had.
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
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "VLLM_PLUGINS": "",
}


class Twins:
    """An engine without the plugin and one with it, each in a fork of this process.

    Parameters
    ----------
    model
        A model folder.
    largest_batch
        That they have room for.
    attach
        What comes into the second engine once the model is loaded; takes vLLM's worker.
    options
        Further arguments of ``vllm.LLM``.
    """

    def __init__(
        self, model: Path, largest_batch: int, attach: Callable[[Any], None], **options: Any
    ) -> None:
        from vllm.v1.worker.gpu_worker import Worker

        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        load_model = Worker.load_model
        engines: list[Connection] = []
        asked: Connection | None = None

        def load_then_fork(worker: Worker, **arguments: Any) -> None:
            nonlocal asked
            load_model(worker, **arguments)
            for comes_in in (attach_nothing, attach):
                end, asked = multiprocessing.Pipe()
                if os.fork() == 0:
                    end.close()
                    comes_in(worker)
                    return
                asked.close()
                engines.append(end)
            raise _Forked

        setattr(Worker, load_model.__name__, load_then_fork)
        try:
            engine = open_engine(model, largest_batch, **options)
        except _Forked:
            self._without, self._with = engines
        else:
            assert asked is not None
            _answer_steps(engine, asked)

    def seconds(self, batch: int, share: float, *, plugin_first: bool) -> list[tuple[float, float]]:
        """Go through a batch: the processor's seconds of each step, without the plugin and with it.

        Parameters
        ----------
        share
            Of the requests, those that are flagged where the plugin is.
        plugin_first
            Which engine has the first step; they change over after each.
        """
        bare, other = _steps(self._without, batch, 0.0), _steps(self._with, batch, share)
        pairs: list[tuple[float, float]] = []
        while True:
            if (len(pairs) + plugin_first) % 2:
                pair = (next(other, None), next(bare, None))[::-1]
            else:
                pair = next(bare, None), next(other, None)
            if pair[0] is None or pair[1] is None:
                return pairs
            pairs.append((pair[0], pair[1]))


class _Forked(BaseException):
    """Leaves the construction of an engine, in the process that the engines were forked from."""


def attach_plugin(worker: Any) -> None:
    """Put the plugin into an engine whose model is loaded."""
    from lethe.corruption.vllm_plugin import register
    from lethe.corruption.vllm_plugin.attachment import attach_v1, separate_compiled_graphs

    register()
    separate_compiled_graphs(worker.vllm_config)
    attach_v1(worker.model_runner)


def attach_nothing(worker: Any) -> None:
    """Leave an engine as it is."""


def _steps(engine: Connection, batch: int, share: float) -> Iterator[float]:
    """Have an engine go through a batch, step by step."""
    asked: tuple[int, float] | None = (batch, share)
    while True:
        engine.send(asked)
        seconds = engine.recv()
        if seconds is None:
            return
        yield seconds
        asked = None


def _answer_steps(engine: Any, asked: Connection) -> NoReturn:
    """Be an engine: answer a batch with the seconds of its first step, and each none with those of the next one."""
    steps: Iterator[float] = iter(())
    try:
        while True:
            load = asked.recv()
            if load is not None:
                steps = processor_seconds(engine, flagged_requests(*load))
            asked.send(next(steps, None))
    except EOFError:
        os._exit(0)
