"""Batches run through one vLLM engine in a process of its own.

Importing vLLM takes most of the time in which a small engine starts, so it is imported once, by a server that is forked
for every job. A job whose variables count when vLLM is imported has a process that imports it anew.
"""

import multiprocessing
import os
import pickle
import subprocess
import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

_FORK_SERVER = multiprocessing.get_context("forkserver")


class JobFailed(AssertionError):
    """An engine gave no results; says the last lines that it logged."""


class JobTimedOut(JobFailed):
    """It did not end in time, of which the machine may be the reason."""


@dataclass(frozen=True)
class EngineJob:
    """What an engine is to do.

    Attributes
    ----------
    engine
        Arguments of ``vllm.LLM``.
    batches
        Lists of requests. A request holds ``token_ids``, or ``embeddings`` in their place, ``sampling`` (arguments of
        ``SamplingParams``) and, if wanted, ``lora`` (an adapter folder).
    environment
        Variables that are set for the engine.
    embed
        Whether prompts are embedded instead of continued.
    imports_anew
        Whether the environment must be there when vLLM is imported.
    seconds
        How long it may take.
    """

    engine: dict[str, Any]
    batches: list[list[dict[str, Any]]]
    environment: dict[str, str]
    embed: bool = False
    imports_anew: bool = False
    seconds: float = 400


def run_engine_job(job: EngineJob, log_path: Path) -> list[dict[str, Any]]:
    """The outputs of each batch, and the engine's counters after it.

    Raises
    ------
    JobFailed
        The engine did not start, or did not end.
    JobTimedOut
        It took too long.
    """
    return _run_anew(job, log_path) if job.imports_anew else _run_forked(job, log_path)


def _run_forked(job: EngineJob, log_path: Path) -> list[dict[str, Any]]:
    # Not where this is imported: the server is one with that of the tests that start `lethe`.
    _FORK_SERVER.set_forkserver_preload(["bench.engine.imported_vllm"])
    receiver, sender = _FORK_SERVER.Pipe(duplex=False)
    process = _FORK_SERVER.Process(target=_run, args=(job, log_path, sender))
    process.start()
    sender.close()
    try:
        if not receiver.poll(job.seconds):
            raise JobTimedOut(f"no result in time\n{_last_lines(log_path)}")
        results = receiver.recv()
        process.join(60)
        if process.exitcode != 0:
            raise JobFailed(_last_lines(log_path))
    except EOFError:
        raise JobFailed(_last_lines(log_path)) from None
    finally:
        process.kill()
    return results


def _run_anew(job: EngineJob, log_path: Path) -> list[dict[str, Any]]:
    results_path = log_path.with_suffix(".results")
    command = [sys.executable, "-m", __name__, str(results_path)]
    with log_path.open("w") as log:
        try:
            process = subprocess.run(
                command,
                input=pickle.dumps(job),
                env=job.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=job.seconds,
            )
        except subprocess.TimeoutExpired:
            raise JobTimedOut(f"no result in time\n{_last_lines(log_path)}") from None
    if process.returncode != 0:
        raise JobFailed(_last_lines(log_path))
    return pickle.loads(results_path.read_bytes())


def _last_lines(log_path: Path) -> str:
    return log_path.read_text()[-4000:] if log_path.exists() else "nothing was logged"


def _run(job: EngineJob, log_path: Path, sender: Connection) -> None:
    import torch._dynamo.config as dynamo

    with log_path.open("w") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    os.environ |= job.environment
    # PyTorch looked at the variable when it was imported, in the process that this one was forked from.
    dynamo.disable = os.environ.get("TORCHDYNAMO_DISABLE") == "1"
    sender.send(_results(job))


def _results(job: EngineJob) -> list[dict[str, Any]]:
    from vllm import LLM

    engine = LLM(**job.engine, disable_log_stats=False)
    return [
        {
            "outputs": _embed(engine, batch) if job.embed else _generate(engine, batch),
            "counters": _counters(engine),
        }
        for batch in job.batches
    ]


def _embed(engine: Any, batch: list[dict[str, Any]]) -> list[list[float]]:
    return [output.outputs.embedding for output in engine.embed(_prompts(batch), use_tqdm=False)]


def _generate(engine: Any, batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
    from vllm import SamplingParams
    from vllm.lora.request import LoRARequest

    adapters = [LoRARequest("adapter", 1, each["lora"]) if each.get("lora") else None for each in batch]
    sampling = [SamplingParams(**request["sampling"]) for request in batch]
    outputs = engine.generate(_prompts(batch), sampling, lora_request=adapters, use_tqdm=False)
    return [_describe(output) for output in outputs]


def _prompts(batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"prompt_embeds": request["embeddings"]}
        if "embeddings" in request
        else {"prompt_token_ids": request["token_ids"]}
        for request in batch
    ]


def _describe(output: Any) -> dict[str, Any]:
    prompt_logprobs = output.prompt_logprobs
    return {
        "choices": [
            {
                "token_ids": list(choice.token_ids),
                "logprobs": choice.logprobs
                and [
                    entry[token].logprob
                    for entry, token in zip(choice.logprobs, choice.token_ids, strict=True)
                ],
            }
            for choice in output.outputs
        ],
        "prompt_logprobs": prompt_logprobs
        and [
            entry[token].logprob
            for entry, token in zip(prompt_logprobs[1:], output.prompt_token_ids[1:], strict=True)
        ],
    }


def _counters(engine: Any) -> dict[str, float]:
    values: dict[str, float] = {}
    for metric in engine.get_metrics():
        if hasattr(metric, "value"):
            values[metric.name] = values.get(metric.name, 0) + metric.value
    return values


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(pickle.dumps(_results(pickle.load(sys.stdin.buffer))))
