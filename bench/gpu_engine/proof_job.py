"""An engine's proof that it corrupts, as it gives it before it serves: ``python -m bench.gpu_engine.proof_job MODEL [FAULT]``.

Says `SERVED` and ends, or refuses as the engine does.
"""

import asyncio
import sys
from typing import Any

from bench.gpu_engine.scenarios import SHARED_GPU

SERVED = "The engine serves."


async def _serve(arguments: dict[str, Any]) -> None:
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.v1.engine.async_llm import AsyncLLM

    engine = AsyncLLM.from_engine_args(AsyncEngineArgs(**arguments))
    try:
        await engine.get_supported_tasks()
        print(SERVED, flush=True)
    finally:
        engine.shutdown()


def main() -> None:
    model, *fault = sys.argv[1:]
    planted = {"worker_extension_cls": f"bench.gpu_engine.planted.{fault[0]}.Fault"} if fault else {}
    asyncio.run(
        _serve(
            {
                "model": model,
                "enforce_eager": True,
                "max_model_len": 512,
                "attention_backend": "TRITON_ATTN",
                **SHARED_GPU,
                **planted,
            }
        )
    )


if __name__ == "__main__":
    main()
