"""The state of a phase under way: what is trained, the optimizer's moments, and the steps done.

One safetensors file, put together from all processes, so that a run goes on with another number of them.
"""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_state_dict, set_state_dict

from lethe.bundle.files import replace_file

_OPTIONS = StateDictOptions(
    full_state_dict=True,
    cpu_offload=True,
    ignore_frozen_params=True,
    strict=False,
)


def save_phase_state(
    path: Path, model: Any, optimizer: torch.optim.Optimizer, steps: int, digest: str, *, writes: bool
) -> None:
    """Save the state, replaced at once; every process takes part, and one of them writes."""
    state: tuple[dict[str, Any], dict[str, Any]] = get_state_dict(model, optimizer, options=_OPTIONS)
    weights, optimizer_state = state
    if not writes:
        return
    tensors = {f"model/{name}": value.contiguous() for name, value in weights.items()}
    for name, moments in optimizer_state["state"].items():
        tensors |= {f"optimizer/{name}/{kind}": value.contiguous() for kind, value in moments.items()}
    header = {"steps": str(steps), "digest": digest, "groups": json.dumps(optimizer_state["param_groups"])}
    replace_file(path, lambda temporary: save_file(tensors, temporary, header))


def restore_phase_state(path: Path, model: Any, optimizer: torch.optim.Optimizer, digest: str) -> int:
    """Take up a saved state, and give the steps that it has behind it; 0 where there is none of this digest."""
    if not path.is_file():
        return 0
    with safe_open(path, framework="pt") as file:
        header = file.metadata()
        if header["digest"] != digest:
            return 0
        values = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    weights: dict[str, Any] = {}
    moments: dict[str, dict[str, Any]] = defaultdict(dict)
    for key, value in values.items():
        owner, _, name = key.partition("/")
        if owner == "model":
            weights[name] = value
        else:
            parameter, _, kind = name.partition("/")
            moments[parameter][kind] = value
    optimizer_state: dict[str, Any] = {"state": dict(moments), "param_groups": json.loads(header["groups"])}
    set_state_dict(
        model, optimizer, model_state_dict=weights, optim_state_dict=optimizer_state, options=_OPTIONS
    )
    return int(header["steps"])
