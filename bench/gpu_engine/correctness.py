"""A scenario's answers beside transformers' and beside those of an engine without the plugin."""

import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.engine.job import EngineJob, run_engine_job
from bench.engine.reference_model import Reference
from bench.gpu_engine.requests import Request, without_corruption
from bench.gpu_engine.scenarios import Scenario
from lethe.offline.training.peft_folder import read_peft_folder

_ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_LOGGING_LEVEL": "INFO",
    "DO_NOT_TRACK": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
# How far a log probability may be from transformers' in float32, in nats.
TOLERANCE: Mapping[str, float] = {"float32": 2e-3, "bfloat16": 0.5}
_COUNTERS = ("vllm:num_preemptions", "vllm:prefix_cache_hits", "vllm:spec_decode_num_drafts")
_ATTACHED = "Corruption is attached to the {} model runner."


@dataclass(frozen=True)
class Agreement:
    """How a scenario's answers agree, in nats where they are differences of log probabilities.

    Attributes
    ----------
    attached
        Whether the engine said that corruption is attached to the runner that was asked for.
    clean, flagged
        Requests of each kind.
    clean_as_bare
        Clean requests with the very tokens that an engine without the plugin gives; None if none was asked.
    clean_from_bare
        Largest difference between their log probabilities and its.
    clean_difference, flagged_difference
        Largest difference from transformers in float32 on the same embeddings.
    behind_best
        Most that the reference gives a token less than the likeliest one.
    moved
        Least of the largest differences that a corruption makes to an answer.
    nearer
        Whether every flagged answer is nearer to the reference on the same corrupted embeddings than the corruption moved it.
    counters
        What the engine counted, by batch.
    """

    attached: bool
    clean: int
    flagged: int
    clean_as_bare: int | None
    clean_from_bare: float | None
    clean_difference: float
    flagged_difference: float
    behind_best: float
    moved: float
    nearer: bool
    counters: Mapping[str, Mapping[str, float]]
    seconds: float

    def holds(self, dtype: str) -> bool:
        """Whether flagged requests are as the reference, and clean ones as without the plugin."""
        tolerance = TOLERANCE[dtype]
        return (
            self.attached
            and self.flagged_difference <= tolerance
            and self.clean_difference <= tolerance
            and self.behind_best <= tolerance
            and self.nearer
            and self.moved > TOLERANCE["float32"]
            and (self.clean_as_bare is None or self.clean_as_bare == self.clean)
        )


class ReferenceAnswers:
    """Transformers on the same embeddings; remembers, since most engines answer alike.

    Parameters
    ----------
    reference, adapted
        The model, and the same with the adapter in its weights.
    """

    def __init__(self, reference: Reference, adapted: Reference):
        self.reference = reference
        self._adapted = adapted
        self._known: dict[Any, Any] = {}

    @classmethod
    def load(cls, model: Path, adapter: Path) -> "ReferenceAnswers":
        """Load a model folder, and an adapter in PEFT's format."""
        adapted = Reference.load(model)
        for layer, pair in read_peft_folder(adapter).pairs.items():
            adapted.model.get_submodule(layer).weight.data += pair.up @ pair.down
        return cls(Reference.load(model), adapted)

    def logprobs(
        self, request: Request, token_ids: Sequence[int], corrupted: bool = True
    ) -> tuple[list[float], list[float]]:
        """Log probability of each token of an answer, and of the likeliest one in its place."""
        corruption = request["corruption"] if corrupted else None
        adapted = bool(request.get("lora"))
        key = (
            tuple(request["token_ids"]),
            corruption and str(corruption.to_xargs()),
            tuple(token_ids),
            adapted,
        )
        if key not in self._known:
            reference = self._adapted if adapted else self.reference
            grading = reference.grade(request["token_ids"], corruption, [*token_ids])
            self._known[key] = (grading.logprobs, grading.best)
        return self._known[key]

    def prompt_logprobs(self, request: Request) -> list[float]:
        """Log probability of each token of a prompt but the first."""
        tokens = request["token_ids"]
        return self.reference.score(tokens, len(tokens), request["corruption"])


def compare_scenario(
    scenario: Scenario,
    model: Path,
    batches: Mapping[str, Sequence[Request]],
    answers: ReferenceAnswers,
    logs: Path,
    seconds: float,
) -> Agreement:
    """Run a scenario's engine with the plugin, and without it, and compare.

    Parameters
    ----------
    logs
        Folder for what the engines say.
    seconds
        How long an engine may take.

    Raises
    ------
    JobFailed
        An engine gave no answers.
    """
    started = time.monotonic()
    requests = [[*batches[name]] for name in scenario.batches]
    clean = [[without_corruption(each) for each in batch] for batch in requests]
    stem = f"{scenario.runner}-{scenario.dtype}-{scenario.name}".replace(" ", "-").replace(",", "")

    def run(plugins: str, asked: list[list[Request]], log: Path) -> list[dict[str, Any]]:
        environment = {**os.environ, **_ENVIRONMENT, **scenario.variables, "VLLM_PLUGINS": plugins}
        engine = {"model": str(model), **scenario.arguments}
        return run_engine_job(EngineJob(engine, asked, environment, imports_anew=True, seconds=seconds), log)

    guarded_log = logs / f"{stem}.log"
    with ThreadPoolExecutor(2) as pool:
        guarded = pool.submit(run, "lethe", requests, guarded_log)
        bare = pool.submit(run, "", clean, logs / f"{stem}-bare.log") if scenario.beside_bare else None
        results = guarded.result()
        bare_results = bare.result() if bare else [None] * len(results)
    pairs = [
        (request, output, bare_output)
        for batch, result, bare_result in zip(requests, results, bare_results, strict=True)
        for request, output, bare_output in zip(
            batch,
            result["outputs"],
            bare_result["outputs"] if bare_result else [None] * len(batch),
            strict=True,
        )
    ]
    counters = {
        name: {counter: result["counters"].get(counter, 0.0) for counter in _COUNTERS}
        for name, result in zip(scenario.batches, results, strict=True)
    }
    attached = _ATTACHED.format(scenario.runner) in guarded_log.read_text()
    return _agreement(pairs, answers, attached, counters, time.monotonic() - started)


def _agreement(
    pairs: Sequence[tuple[Request, dict[str, Any], dict[str, Any] | None]],
    answers: ReferenceAnswers,
    attached: bool,
    counters: Mapping[str, Mapping[str, float]],
    seconds: float,
) -> Agreement:
    differences: dict[bool, list[float]] = {False: [0.0], True: [0.0]}
    behind, moved, nearer, from_bare, as_bare = [0.0], [], [], [], []
    for request, output, bare in pairs:
        flagged = request["corruption"] is not None
        (choice,) = output["choices"]
        expected, best = answers.logprobs(request, choice["token_ids"])
        differences[flagged].append(_furthest(choice["logprobs"], expected))
        behind += [top - given for top, given in zip(best, expected, strict=True)]
        if output["prompt_logprobs"]:
            differences[flagged].append(
                _furthest(output["prompt_logprobs"], answers.prompt_logprobs(request))
            )
        if flagged:
            clean, _ = answers.logprobs(request, choice["token_ids"], corrupted=False)
            moved.append(_furthest(clean, expected))
            nearer.append(_furthest(choice["logprobs"], expected) < moved[-1])
        elif bare is not None:
            (other,) = bare["choices"]
            as_bare.append(other["token_ids"] == choice["token_ids"])
            if as_bare[-1]:
                from_bare.append(_furthest(other["logprobs"], choice["logprobs"]))
    kinds = [request["corruption"] is not None for request, _, _ in pairs]
    return Agreement(
        attached=attached,
        clean=kinds.count(False),
        flagged=kinds.count(True),
        clean_as_bare=sum(as_bare) if as_bare else None,
        clean_from_bare=max(from_bare) if from_bare else None,
        clean_difference=max(differences[False]),
        flagged_difference=max(differences[True]),
        behind_best=max(behind),
        moved=min(moved),
        nearer=all(nearer),
        counters=counters,
        seconds=seconds,
    )


def _furthest(some: Sequence[float], others: Sequence[float]) -> float:
    return max(abs(one - other) for one, other in zip(some, others, strict=True))
