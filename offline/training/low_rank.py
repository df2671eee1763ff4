"""Low-rank changes put into a transformers model: each chosen linear layer gets ``x -> W x + B (A x)``.

The base weights are frozen. All layers share one switch, so that one model in memory is both the changed one and the
base that it is compared with.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from lethe.offline.training.errors import AdapterError
from lethe.offline.training.peft_folder import LowRankAdapter


class Switch:
    """Whether the changes are in force."""

    def __init__(self) -> None:
        self.on = True

    @contextlib.contextmanager
    def off(self) -> Iterator[None]:
        """The base model, for as long as the context lasts."""
        self.on = False
        try:
            yield
        finally:
            self.on = True


class LowRankLinear(nn.Module):
    """A linear layer with a low-rank change; at first B is zero, and nothing changes.

    Parameters
    ----------
    base
        The layer, kept as it is.
    """

    def __init__(self, base: nn.Linear, rank: int, switch: Switch) -> None:
        super().__init__()
        self.base = base
        self.switch = switch
        device = base.weight.device
        self.down = nn.Parameter(torch.empty(rank, base.in_features, device=device))
        self.up = nn.Parameter(torch.zeros(base.out_features, rank, device=device))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """From (..., in_features) to (..., out_features)."""
        y = self.base(x)
        if not self.switch.on:
            return y
        if not torch.is_autocast_enabled(x.device.type):
            x = x.to(self.down.dtype)
        return y + linear(linear(x, self.down), self.up).to(y.dtype)


def attach(model: Any, target_modules: Sequence[str], rank: int) -> Switch:
    """Freeze a model, and put a change of the given rank into every layer of the given names.

    Raises
    ------
    AdapterError
        A name fits no linear layer (`torch.nn.Linear`), or the rank is larger than a layer's own.
    """
    # The output layer often shares its weights with the embeddings, and engines adapt neither alike.
    head = model.get_output_embeddings()
    linears = {
        path: module
        for path, module in model.named_modules()
        if isinstance(module, nn.Linear) and module is not head
    }
    names = {path.rpartition(".")[2] for path in linears}
    if not names:
        raise AdapterError(
            f"{type(model).__name__} has no torch.nn.Linear besides its output layer, and only those are adapted; GPT-2 and "
            "its kin, whose layers are transformers' Conv1D, cannot be"
        )
    missing = [name for name in target_modules if name not in names]
    if missing:
        raise AdapterError(
            f"the base model has no linear layer named {', '.join(missing)}; it has {', '.join(sorted(names))}"
        )
    chosen = {path: layer for path, layer in linears.items() if path.rpartition(".")[2] in target_modules}
    smallest = min(chosen, key=lambda path: min(chosen[path].weight.shape))
    if rank > min(chosen[smallest].weight.shape):
        out_features, in_features = chosen[smallest].weight.shape
        raise AdapterError(
            f"rank {rank} is too large: {smallest} is {out_features} x {in_features}, "
            f"so at most {min(out_features, in_features)} means anything"
        )
    model.requires_grad_(False)
    switch = Switch()
    for path, layer in chosen.items():
        parent, _, name = path.rpartition(".")
        setattr(model.get_submodule(parent), name, LowRankLinear(layer, rank, switch))
    return switch


def low_rank_layers(model: nn.Module) -> dict[str, LowRankLinear]:
    """The changed layers, by the path that they have in the base model."""
    return {path: module for path, module in model.named_modules() if isinstance(module, LowRankLinear)}


@torch.no_grad()
def merge(model: nn.Module) -> None:
    """Add every change to its layer's weights, and put the plain layers back."""
    for path, layer in low_rank_layers(model).items():
        layer.base.weight += layer.up @ layer.down
        parent, _, name = path.rpartition(".")
        setattr(model.get_submodule(parent), name, layer.base)


def adapt(model: Any, adapter: LowRankAdapter) -> None:
    """Put an adapter into a model, to stay.

    Raises
    ------
    AdapterError
        It was made for other layers.
    """
    attach(model, sorted({path.rpartition(".")[2] for path in adapter.pairs}), adapter.rank)
    pairs = adapter.pairs
    load_weights(
        model,
        {path: pair.down for path, pair in pairs.items()},
        {path: pair.up for path, pair in pairs.items()},
    )


@torch.no_grad()
def load_weights(
    model: nn.Module, shared: Mapping[str, Tensor], expert: Mapping[str, Tensor] | None = None
) -> None:
    """Put A, and B or zeros for it, into the layers.

    Raises
    ------
    AdapterError
        The layers or shapes are others.
    """
    layers = low_rank_layers(model)
    if layers.keys() != shared.keys() or any(
        layer.down.shape != shared[path].shape for path, layer in layers.items()
    ):
        raise AdapterError(
            "the bank adapts other layers, or with another rank, than the settings name; use its own, or a new bank"
        )
    for path, layer in layers.items():
        layer.down.copy_(shared[path])
        if expert is None:
            layer.up.zero_()
        else:
            layer.up.copy_(expert[path])


def whole(parameter: Any) -> Tensor:
    """A copy of a parameter on the processor, put together if it is spread over several."""
    tensor = parameter.full_tensor() if hasattr(parameter, "full_tensor") else parameter
    return tensor.detach().cpu().clone()
