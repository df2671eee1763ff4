"""Run batches through one vLLM engine in a process of its own: ``python engine_job.py JOB.json RESULT.json``.

A job holds ``engine`` (arguments of ``vllm.LLM``) and ``batches``, lists of requests. A request holds
``token_ids``, ``sampling`` (arguments of ``SamplingParams``) and, if wanted, ``lora`` (an adapter folder). With
``embed`` true the batches are embedded instead. The result holds, for each batch, its outputs and the engine's
counters after it.
"""

import json
import sys
from pathlib import Path
from typing import Any


def main(job_path: Path, result_path: Path) -> None:
    from vllm import LLM, SamplingParams
    from vllm.lora.request import LoRARequest

    job = json.loads(job_path.read_text())
    engine = LLM(**job["engine"], disable_log_stats=False)
    batches = []
    for batch in job["batches"]:
        prompts = [{"prompt_token_ids": request["token_ids"]} for request in batch]
        if job.get("embed"):
            outputs = [output.outputs.embedding for output in engine.embed(prompts, use_tqdm=False)]
        else:
            outputs = engine.generate(
                prompts,
                [SamplingParams(**request["sampling"]) for request in batch],
                lora_request=[
                    LoRARequest("adapter", 1, request["lora"]) if request.get("lora") else None
                    for request in batch
                ],
                use_tqdm=False,
            )
            outputs = [describe(output) for output in outputs]
        batches.append({"outputs": outputs, "counters": counters(engine)})
    result_path.write_text(json.dumps({"batches": batches}))


def describe(output: Any) -> dict[str, Any]:
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


def counters(engine: Any) -> dict[str, float]:
    values: dict[str, float] = {}
    for metric in engine.get_metrics():
        if hasattr(metric, "value"):
            values[metric.name] = values.get(metric.name, 0) + metric.value
    return values


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
