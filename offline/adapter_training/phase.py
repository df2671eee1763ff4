"""One phase of training, top to bottom: phase I learns the shared A, phase II one expert's B over it.

In one process or, under ``accelerate launch``, in many. The state is saved on the way, and a phase that was stopped goes
on from it. Knows nothing about banks and files of texts.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, cycle, islice
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor
from transformers import AutoModelForCausalLM

from lethe.corruption.artifact import Corruption
from lethe.offline.adapter_training.batches import Batch, TokenScores, expert_batch, score, shared_batch
from lethe.offline.adapter_training.checkpoint import restore_phase_state, save_phase_state
from lethe.offline.adapter_training.corrupted import CorruptedQuestions
from lethe.offline.adapter_training.entropy import MarkedText
from lethe.offline.adapter_training.losses import layered_loss, shared_loss
from lethe.offline.adapter_training.settings import AdapterTrainingSettings
from lethe.offline.adapter_training.texts import TrainingText
from lethe.offline.training.errors import AdapterError
from lethe.offline.training.low_rank import Switch, attach, load_weights, low_rank_layers, whole
from lethe.offline.training.schedule import warm_then_cosine

LayerWeights = Mapping[str, Tensor]
_GRADIENT_NORM = 1.0


@dataclass(frozen=True)
class Phase:
    """What one phase trains, and on what.

    Attributes
    ----------
    name
        For records: ``shared``, or the subdomain.
    shared
        A by layer; None in phase I, which learns it.
    replaced
        For every forget text what is taught instead; empty if nothing is.
    digest
        Of settings, texts and entropy threshold: a state of another digest is not taken up.
    corruption, earlier
        From which the expert is learned, where the loss does so: a corruption of the questions, or the folder of an earlier
        model.
    """

    name: str
    shared: LayerWeights | None
    forget: Sequence[MarkedText]
    retain: Sequence[MarkedText]
    replaced: Sequence[TrainingText]
    digest: str
    corruption: Corruption | None = None
    earlier: Path | None = None


@dataclass(frozen=True)
class Step:
    """What one step did.

    Attributes
    ----------
    step, steps
        Counted from 1, and how many there are.
    epoch
        Counted from 1.
    terms
        The weighted terms of the loss, which is their sum.
    gradient_norm
        Before clipping to 1.
    """

    phase: str
    step: int
    steps: int
    epoch: int
    terms: dict[str, float]
    gradient_norm: float
    learning_rate: float


def open_base(base: Path, settings: AdapterTrainingSettings) -> tuple[Any, Switch]:
    """Load the base model with changes of zero in its layers.

    Raises
    ------
    AdapterError
        It cannot be loaded, lacks a named layer, or the rank is too large for one.
    """
    model = load_model(base, settings)
    torch.manual_seed(settings.seed)
    switch = attach(model, settings.target_modules, settings.rank)
    model.eval()
    if settings.gradient_checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
        # Checkpoints are made in training mode only, but dropout would part the changed model from the base.
        for module in model.modules():
            if getattr(module, "gradient_checkpointing", False):
                module.training = True
    return model, switch


def load_model(folder: Path, settings: AdapterTrainingSettings) -> Any:
    """Load a model in the training's precision.

    Raises
    ------
    AdapterError
        It cannot be loaded.
    """
    try:
        return AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, settings.dtype))
    except (OSError, ValueError) as error:
        raise AdapterError(f"{folder} cannot be loaded as a causal language model: {error}") from None


def spread(model: Any, accelerator: Accelerator) -> tuple[Any, Any]:
    """The model on its devices, and an optimizer of what is trained: accelerate shards neither without the other."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return accelerator.prepare(model, torch.optim.AdamW(trained, weight_decay=0.0))


def run_phase(
    base: Path,
    phase: Phase,
    settings: AdapterTrainingSettings,
    accelerator: Accelerator,
    state: Path,
    on_step: Callable[[Step], None],
) -> dict[str, Tensor]:
    """Train one phase, and give A by layer (phase I) or B by layer (phase II).

    Parameters
    ----------
    base
        Folder of the base model.
    state
        File of the state under way; removed by the caller once the outcome is kept.
    on_step
        Told of every step, in the main process.

    Raises
    ------
    AdapterError
        The base model does not fit the settings, or the loss is no longer a finite number; the state of the last
        checkpoint before that is kept.
    """
    first = phase.shared is None
    epochs = settings.shared_epochs if first else settings.epochs
    rate = settings.shared_learning_rate if first else settings.learning_rate
    loss_terms = shared_loss if first else layered_loss

    model, switch = open_base(base, settings)
    if phase.shared is not None:
        load_weights(model, phase.shared)
    for layer in low_rank_layers(model).values():
        layer.down.requires_grad_(first)
    model, optimizer = spread(model, accelerator)
    teach = None if first else _teacher(model, phase, settings, accelerator)
    done = restore_phase_state(state, model, optimizer.optimizer, phase.digest)

    steps_per_epoch = math.ceil(len(phase.forget) / settings.batch_size)
    steps = epochs * steps_per_epoch
    for step in range(done, steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * warm_then_cosine(step, steps)
        forget = _share(_of_step(len(phase.forget), step, settings), accelerator)
        retain = _share(_of_step(len(phase.retain), step, settings, wraps=True), accelerator)
        forget_texts, retain_texts = [phase.forget[i] for i in forget], [phase.retain[i] for i in retain]
        if first:
            batch = shared_batch(forget_texts, retain_texts, accelerator.device)
        else:
            replaced = [phase.replaced[i] for i in forget] if phase.replaced else []
            batch = expert_batch(
                forget_texts,
                retain_texts,
                replaced,
                accelerator.device,
                whole_answers=teach is not None,
            )

        with torch.autocast(accelerator.device.type, torch.bfloat16, enabled=settings.dtype == "bfloat16"):
            with torch.no_grad(), switch.off():
                unchanged = score(model, batch)
                taught = None
                if teach:
                    forgotten = [each.text for each in compress(forget_texts, batch.forgets.tolist())]
                    taught = teach(batch.forgotten, forgotten)
            changed = score(model, batch)
        terms = loss_terms(changed, unchanged, batch, settings, taught)
        accelerator.backward(torch.stack(list(terms.values())).sum())
        clipped: Any = accelerator.clip_grad_norm_(model.parameters(), _GRADIENT_NORM)
        norm = float(clipped)
        means: dict[str, Any] = {
            name: accelerator.reduce(term.detach(), "mean") for name, term in terms.items()
        }
        values = {name: float(mean) for name, mean in means.items()}
        if not all(map(math.isfinite, (*values.values(), norm))):
            raise AdapterError(_not_finite(phase.name, step + 1, values, norm, state))
        # Only here is it known that the weights which the last step left are good ones.
        due = step % steps_per_epoch == 0 or step % settings.checkpoint_steps == 0
        if due and step > done:
            save_phase_state(
                state, model, optimizer.optimizer, step, phase.digest, writes=accelerator.is_main_process
            )
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if accelerator.is_main_process:
            learning_rate = optimizer.param_groups[0]["lr"]
            epoch = step // steps_per_epoch + 1
            on_step(Step(phase.name, step + 1, steps, epoch, values, norm, learning_rate))

    layers = low_rank_layers(accelerator.unwrap_model(model))
    outcome = {path: whole(layer.down if first else layer.up) for path, layer in layers.items()}
    if not all(bool(weights.isfinite().all()) for weights in outcome.values()):
        raise AdapterError(_not_finite(phase.name, steps, {}, math.inf, state))
    accelerator.free_memory()
    return outcome


def _teacher(
    model: Any, phase: Phase, settings: AdapterTrainingSettings, accelerator: Accelerator
) -> Callable[[Batch, Sequence[TrainingText]], TokenScores] | None:
    """What the phase's expert is to expect of batches of texts to forget; None where no other model says so."""
    if phase.corruption:
        corrupt = CorruptedQuestions(accelerator.unwrap_model(model).get_input_embeddings(), phase.corruption)
        return lambda batch, texts: score(model, batch, corrupt(batch.token_ids, texts))
    if phase.earlier:
        earlier = load_model(phase.earlier, settings).to(accelerator.device).eval()
        return lambda batch, _texts: score(earlier, batch)
    return None


def _of_step(count: int, step: int, settings: AdapterTrainingSettings, *, wraps: bool = False) -> list[int]:
    """Which of the texts one step takes; each epoch has an order of its own.

    Parameters
    ----------
    count
        How many texts there are.
    wraps
        Always take a full batch, running on into the next epoch; otherwise an epoch's last batch may be short.
    """
    size = settings.batch_size
    if wraps:
        wanted = [divmod(i, count) for i in range(step * size, (step + 1) * size)]
    else:
        epoch, inside = divmod(step, math.ceil(count / size))
        wanted = [(epoch, i) for i in range(inside * size, min((inside + 1) * size, count))]
    orders = {
        epoch: torch.randperm(count, generator=torch.Generator().manual_seed(settings.seed + epoch)).tolist()
        for epoch in {epoch for epoch, _ in wanted}
    }
    return [orders[epoch][i] for epoch, i in wanted]


def _share(chosen: list[int], accelerator: Accelerator) -> list[int]:
    """This process's part of a batch; where it does not divide, its first texts are taken twice."""
    world = accelerator.num_processes
    missing = -len(chosen) % world
    return [*chosen, *islice(cycle(chosen), missing)][accelerator.process_index :: world]


def _not_finite(phase: str, step: int, values: Mapping[str, float], norm: float, state: Path) -> str:
    terms = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
    kept = (
        f"the last good checkpoint is kept in {state}" if state.is_file() else "there was no checkpoint yet"
    )
    return (
        f"{phase}: step {step} gave a loss that is not finite ({terms}; gradient norm {norm:.4g}); {kept}. "
        "Lower the learning rate or the weight of the term that ran away, or train in float32"
    )
