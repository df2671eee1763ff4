"""How a bank of adapters is trained, and out of which files into which bundle."""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from lethe.models.cache import cache_folder
from lethe.offline.settings import BundleJob, JobSettings
from lethe.offline.training.layers import LLAMA_LAYERS

ForgettingName = Literal[
    "npo",
    "gradient_ascent",
    "gradient_difference",
    "replacement",
    "self_distillation",
    "corruption",
    "earlier_model",
]
Dtype = Literal["bfloat16", "float32"]


def _default_work(given: dict[str, Any]) -> Path:
    return cache_folder() / "adapters" / given.get("target", "")


class AdapterTrainingSettings(JobSettings):
    """How a bank is trained, and where it is kept; the digest of the first stands in the bank beside every expert."""

    forgetting: ForgettingName = Field(default="npo", description="How it is forgotten.")
    rank: PositiveInt = Field(default=16, description="Rank of the change to each layer.")
    target_modules: tuple[str, ...] = Field(
        default=LLAMA_LAYERS,
        min_length=1,
        description="Name of the linear layers to adapt: the last part of their path.",
    )
    tsallis_q: PositiveFloat = Field(default=2.0, description="q of the entropy; 1 is Shannon's.")
    entropy_quantile: float = Field(
        default=0.7, ge=0, le=1, description="Share of the answer tokens that count as low in entropy."
    )
    npo_beta: PositiveFloat = Field(default=0.1, description="NPO's beta.")
    logit_margin: PositiveFloat = Field(
        default=8.0,
        description="How far `self_distillation` lowers a token to forget in the model's own distribution, in nats.",
    )
    forgetting_weight: NonNegativeFloat = Field(default=1.0, description="Weight of forgetting.")
    retention_weight: NonNegativeFloat = Field(
        default=1.0, description="Weight of the cross-entropy on what is retained."
    )
    divergence_weight: NonNegativeFloat = Field(
        default=1.0, description="Weight of the KL to the base model on what is retained."
    )
    invariance_weight: NonNegativeFloat = Field(
        default=1.0,
        description="Weight of the KL to the base model at high-entropy tokens of what is forgotten.",
    )
    replacement: str = Field(
        default="I do not know.", description="The answer that the loss `replacement` teaches."
    )
    shared_epochs: NonNegativeInt = Field(
        default=1, description="Epochs of phase I, which learns A; with none A stays as it is drawn."
    )
    shared_learning_rate: PositiveFloat = Field(default=1e-3, description="Learning rate of phase I.")
    epochs: PositiveInt = Field(
        default=5, description="Epochs of phase II, which learns B, for each subdomain."
    )
    learning_rate: PositiveFloat = Field(default=1e-3, description="Learning rate of phase II.")
    batch_size: PositiveInt = Field(
        default=8, description="Forget texts of a step, and as many to keep; over all processes."
    )
    max_tokens: int = Field(
        default=512,
        ge=8,
        description="Longer bare texts are cut into pieces; a longer question with its answer is refused.",
    )
    dtype: Dtype = Field(
        default="bfloat16",
        description="Of the base model's weights and of the passes; what is trained is in float32.",
    )
    gradient_checkpointing: bool = Field(default=False, description="Trade time for memory.")
    checkpoint_steps: PositiveInt = Field(
        default=200, description="Save the state every so many steps, and after every epoch."
    )
    seed: int = Field(default=0, description="Of the first weights and the order of the texts.")
    work: Path = Field(
        default_factory=_default_work,
        description="Folder for record, pictures and state; by default in the cache.",
    )
    bank: Path | None = Field(
        default=None,
        description="Bank to add to, whose shared A and experts stay as they are; by default one in the work folder.",
    )

    @property
    def digest(self) -> str:
        """Short digest of what decides the outcome."""
        elsewhere = {"checkpoint_steps", "gradient_checkpointing", "work", "bank"}
        deciding = self.model_dump(include=AdapterTrainingSettings.model_fields.keys() - elsewhere)
        return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def bank_file(self) -> Path:
        """Where the bank is read from and kept."""
        return self.bank or self.work / "bank.safetensors"

    @property
    def trace(self) -> Path:
        """JSON lines: settings, then every step."""
        return self.work / "trace.jsonl"


class AdapterJob(AdapterTrainingSettings, BundleJob):
    """A training with its files."""

    forget: tuple[str, ...] = Field(
        min_length=1, description="JSON lines to forget, as PATH or SUBDOMAIN=PATH."
    )
    retain: Path = Field(description="JSON lines to keep, as near to the forgotten as can be had.")
    model: str = Field(description="Folder or hub id of the base model.")
    earlier_model: str | None = Field(
        default=None,
        description="Folder or hub id of the base model as it was before it learned what is to be forgotten, for the loss `earlier_model`.",
    )
