"""How a bank of adapters is trained."""

import hashlib
import json
from typing import Literal

import pydantic

from lethe.offline.adapter_training.forgetting import FORGETTING_LOSSES
from lethe.offline.training.low_rank import LLAMA_LAYERS


class AdapterTrainingSettings(pydantic.BaseModel):
    """All settings of a training; its digest stands in the bank beside every expert.

    Attributes
    ----------
    rank
        Rank of the change to each layer.
    target_modules
        Names of the linear layers that are adapted: the last part of their path.
    tsallis_q
        q of the entropy, over 0; 1 is Shannon's.
    entropy_quantile
        rho: the share of answer tokens that count as low in entropy.
    forgetting
        A name in `forgetting.FORGETTING_LOSSES`.
    forgetting_weight, retention_weight, divergence_weight, invariance_weight
        Weights of the layered loss: forgetting, cross-entropy on retain text, KL to the base model on retain text, KL to
        the base model at the high-entropy positions of forget text.
    replacement
        What the loss `replacement` teaches to answer.
    shared_epochs, shared_learning_rate
        Of phase I, which learns A.
    epochs, learning_rate
        Of phase II, which learns one expert's B.
    batch_size
        Forget texts of a step, and as many retain texts; over all processes.
    max_tokens
        Longer bare texts are cut into pieces; a question that is longer with its answer is refused.
    dtype
        Of the base model's weights and of the passes. What is trained stays in float32.
    gradient_checkpointing
        Trade time for memory.
    checkpoint_steps
        The state is saved every so many steps, and between epochs.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    rank: pydantic.PositiveInt = 16
    target_modules: tuple[str, ...] = pydantic.Field(default=LLAMA_LAYERS, min_length=1)
    tsallis_q: pydantic.PositiveFloat = 2.0
    entropy_quantile: float = pydantic.Field(default=0.7, ge=0, le=1)
    forgetting: str = "npo"
    npo_beta: pydantic.PositiveFloat = 0.1
    forgetting_weight: pydantic.NonNegativeFloat = 1.0
    retention_weight: pydantic.NonNegativeFloat = 1.0
    divergence_weight: pydantic.NonNegativeFloat = 1.0
    invariance_weight: pydantic.NonNegativeFloat = 1.0
    replacement: str = "I do not know."
    shared_epochs: pydantic.PositiveInt = 1
    shared_learning_rate: pydantic.PositiveFloat = 1e-3
    epochs: pydantic.PositiveInt = 5
    learning_rate: pydantic.PositiveFloat = 1e-3
    batch_size: pydantic.PositiveInt = 8
    max_tokens: int = pydantic.Field(default=512, ge=8)
    dtype: Literal["bfloat16", "float32"] = "bfloat16"
    gradient_checkpointing: bool = False
    checkpoint_steps: pydantic.PositiveInt = 200
    seed: int = 0

    @pydantic.field_validator("forgetting")
    @classmethod
    def _is_a_forgetting_loss(cls, name: str) -> str:
        if name not in FORGETTING_LOSSES:
            raise ValueError(f"no forgetting loss {name!r}; there are {', '.join(FORGETTING_LOSSES)}")
        return name

    @property
    def digest(self) -> str:
        """Short digest of what decides the outcome."""
        deciding = self.model_dump(exclude={"checkpoint_steps", "gradient_checkpointing"})
        return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:16]
