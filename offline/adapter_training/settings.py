"""How a bank of adapters is trained."""

import hashlib
import json
from dataclasses import asdict, dataclass

from lethe.offline.adapter_training.errors import AdapterError
from lethe.offline.adapter_training.forgetting import FORGETTING_LOSSES

LLAMA_LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class AdapterSettings:
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
        ``bfloat16`` or ``float32``: of the base model's weights and of the passes. What is trained stays in float32.
    gradient_checkpointing
        Trade time for memory.
    checkpoint_steps
        The state is saved every so many steps, and between epochs.
    """

    rank: int = 16
    target_modules: tuple[str, ...] = LLAMA_LAYERS
    tsallis_q: float = 2.0
    entropy_quantile: float = 0.7
    forgetting: str = "npo"
    npo_beta: float = 0.1
    forgetting_weight: float = 1.0
    retention_weight: float = 1.0
    divergence_weight: float = 1.0
    invariance_weight: float = 1.0
    replacement: str = "I do not know."
    shared_epochs: int = 1
    shared_learning_rate: float = 1e-3
    epochs: int = 5
    learning_rate: float = 1e-3
    batch_size: int = 8
    max_tokens: int = 512
    dtype: str = "bfloat16"
    gradient_checkpointing: bool = False
    checkpoint_steps: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("rank", "shared_epochs", "epochs", "batch_size", "checkpoint_steps"):
            if getattr(self, name) < 1:
                raise AdapterError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("tsallis_q", "npo_beta", "shared_learning_rate", "learning_rate"):
            if not getattr(self, name) > 0:
                raise AdapterError(f"{name} must be over 0, not {getattr(self, name)}")
        for name in ("forgetting_weight", "retention_weight", "divergence_weight", "invariance_weight"):
            if not getattr(self, name) >= 0:
                raise AdapterError(f"{name} must not be under 0, not {getattr(self, name)}")
        if not 0 <= self.entropy_quantile <= 1:
            raise AdapterError(f"entropy_quantile is a share between 0 and 1, not {self.entropy_quantile}")
        if self.max_tokens < 8:
            raise AdapterError(f"max_tokens must be at least 8, not {self.max_tokens}")
        if not self.target_modules:
            raise AdapterError("target_modules names no layer to adapt")
        if self.forgetting not in FORGETTING_LOSSES:
            raise AdapterError(
                f"no forgetting loss {self.forgetting!r}; there are {', '.join(FORGETTING_LOSSES)}"
            )
        if self.dtype not in ("bfloat16", "float32"):
            raise AdapterError(f"dtype is bfloat16 or float32, not {self.dtype!r}")

    @property
    def digest(self) -> str:
        """Short digest of what decides the outcome."""
        deciding = {
            k: v for k, v in asdict(self).items() if k not in ("checkpoint_steps", "gradient_checkpointing")
        }
        return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:16]
