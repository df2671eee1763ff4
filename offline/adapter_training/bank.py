"""A bank of forgetting experts over one shared A (ALTER, arXiv 2603.01792).

Each adapted layer has one A, and one B for every forget subdomain. As all experts share A, any mixture of them is one
adapter of the same rank: ``(sum of w_k B_k) A``. Knows nothing about training.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from lethe.bundle import BaseModel
from lethe.bundle.files import replace_file
from lethe.offline.training.errors import AdapterError
from lethe.offline.training.peft_folder import LowRankAdapter, LowRankPair

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class AdapterBank:
    """The shared A and the experts' B, by the layer's path in the model.

    Attributes
    ----------
    base_model
        The model that they change.
    shared
        Each of shape (rank, in_features). A of every adapted layer.
    experts
        Each of shape (out_features, rank). B of every adapted layer, by subdomain.
    provenance
        Digest of the texts and settings that each expert was trained with.
    """

    base_model: BaseModel
    shared: Mapping[str, Tensor]
    experts: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)
    provenance: Mapping[str, str] = field(default_factory=dict)

    @property
    def rank(self) -> int:
        return next(iter(self.shared.values())).shape[0]

    def with_expert(self, name: str, expert: Mapping[str, Tensor], provenance: str) -> "AdapterBank":
        """The same bank with one expert added or replaced; nothing else in it changes."""
        return replace(
            self,
            experts={**self.experts, name: expert},
            provenance={**self.provenance, name: provenance},
        )

    def compose(self, weights: Mapping[str, float] | None = None) -> LowRankAdapter:
        """The adapter ``(sum of w_k B_k) A``; every expert with weight one by default.

        Raises
        ------
        AdapterError
            No expert is named, or one that the bank does not hold.
        """
        chosen = dict.fromkeys(self.experts, 1.0) if weights is None else weights
        unknown = [name for name in chosen if name not in self.experts]
        if unknown or not chosen:
            raise AdapterError(
                f"no expert {', '.join(unknown) or 'is named'}; the bank holds {', '.join(self.experts) or 'none'}"
            )
        pairs = {}
        for layer, down in self.shared.items():
            ups = [weight * self.experts[name][layer] for name, weight in chosen.items()]
            pairs[layer] = LowRankPair(down, torch.stack(ups).sum(dim=0))
        return LowRankAdapter(self.base_model.id, pairs)


def save_bank(bank: AdapterBank, path: Path) -> None:
    """Write a bank as one safetensors file, replaced at once."""
    tensors = {f"shared/{layer}": tensor for layer, tensor in bank.shared.items()}
    for name, expert in bank.experts.items():
        tensors |= {f"expert/{name}/{layer}": tensor for layer, tensor in expert.items()}
    header = {
        "schema_version": str(SCHEMA_VERSION),
        "base_model": json.dumps(asdict(bank.base_model)),
        "experts": json.dumps({name: bank.provenance[name] for name in bank.experts}),
    }
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    replace_file(path, lambda temporary: save_file(plain, temporary, header))


def load_bank(path: Path) -> AdapterBank:
    """Read what `save_bank` wrote.

    Raises
    ------
    AdapterError
        The file is missing, is no bank, or is of another schema.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            if header.get("schema_version") != str(SCHEMA_VERSION):
                raise AdapterError(
                    f"{path} has bank schema {header.get('schema_version')!r}; this release reads {SCHEMA_VERSION}"
                )
            base_model = BaseModel(**json.loads(header["base_model"]))
            provenance: dict[str, str] = json.loads(header["experts"])
            experts: dict[str, dict[str, Tensor]] = {name: {} for name in provenance}
            shared = {}
            for name in file.keys():  # noqa: SIM118
                kind, _, rest = name.partition("/")
                if kind == "shared":
                    shared[rest] = file.get_tensor(name)
                else:
                    expert, _, layer = rest.partition("/")
                    experts[expert][layer] = file.get_tensor(name)
    except FileNotFoundError:
        raise AdapterError(f"{path} does not exist; `lethe adapter train` makes a bank") from None
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise AdapterError(f"{path} is not a bank of adapters: {error}") from None
    return AdapterBank(base_model, shared, experts, provenance)
