"""The state of a phase under way: what is trained, the optimizer's moments, and the steps done.

One safetensors file, put together from all processes, so that a run goes on with another number of them.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_state_dict, set_state_dict

_OPTIONS = StateDictOptions(
    full_state_dict=True,
    cpu_offload=True,
    ignore_frozen_params=True,
    flatten_optimizer_state_dict=True,
    strict=False,
)


def save_state(
    path: Path, model: Any, optimizer: torch.optim.Optimizer, steps: int, digest: str, *, writes: bool
) -> None:
    """Save the state, replaced at once; every process takes part, and one of them writes."""
    weights, moments = get_state_dict(model, optimizer, options=_OPTIONS)
    if not writes:
        return
    tensors, numbers = {}, {}
    for kind, values in (("model", weights), ("optimizer", moments)):
        for name, value in values.items():
            if isinstance(value, torch.Tensor):
                tensors[f"{kind}/{name}"] = value.contiguous()
            else:
                numbers[f"{kind}/{name}"] = value
    header = {"steps": str(steps), "digest": digest, "numbers": json.dumps(numbers)}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".partial")
    save_file(tensors, temporary, header)
    temporary.replace(path)


def restore_state(path: Path, model: Any, optimizer: torch.optim.Optimizer, digest: str) -> int:
    """Take up a saved state, and give the steps that it has behind it; 0 where there is none of this digest."""
    if not path.is_file():
        return 0
    with safe_open(path, framework="pt") as file:
        header = file.metadata()
        if header["digest"] != digest:
            return 0
        values: dict[str, Any] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    values |= json.loads(header["numbers"])
    weights = {k.removeprefix("model/"): v for k, v in values.items() if k.startswith("model/")}
    moments = {k.removeprefix("optimizer/"): v for k, v in values.items() if k.startswith("optimizer/")}
    set_state_dict(model, optimizer, model_state_dict=weights, optim_state_dict=moments, options=_OPTIONS)
    return int(header["steps"])
