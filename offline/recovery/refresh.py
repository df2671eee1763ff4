"""A short refresh: a few steps of training on the harmed domain, and what they do to the conflict coordinates.

On which examples, at which rate and for how many steps is chosen on held-out examples, by the rule of a rollback.
"""

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lethe.offline.data.json_lines import append_lines, read_whole_lines
from lethe.offline.progress import Progress
from lethe.offline.recovery.domain import Domain, Model
from lethe.offline.recovery.errors import RecoveryError
from lethe.offline.recovery.parameters import Layout
from lethe.offline.recovery.rollback import ExampleScores
from lethe.offline.recovery.settings import RefreshSettings
from lethe.offline.training.fine_tuning import restore_state, save_state


@dataclass(frozen=True)
class TriedRefresh:
    """One refresh at one of its steps.

    Attributes
    ----------
    examples, learning_rate
        See `RefreshSettings`.
    scores, example_scores
        On held-out examples, by domain, and of each example.
    test
        On test examples; reported, and decides nothing.
    """

    examples: str
    learning_rate: float
    steps: int
    scores: Mapping[str, float]
    example_scores: ExampleScores
    test: Mapping[str, float]

    @property
    def key(self) -> tuple[str, float, int]:
        return self.examples, self.learning_rate, self.steps


@dataclass(frozen=True)
class RefreshStep:
    """Where the parameters stand, seen from the end of the harmed domain's stage.

    Attributes
    ----------
    loss
        Mean loss of the batch of this step, before it was taken; None at the start.
    conflict
        Norm of what the conflict coordinates differ by.
    control
        The same on as many random coordinates.
    everything
        The same on all.
    """

    step: int
    loss: float | None
    conflict: float
    control: float
    everything: float


@dataclass(frozen=True)
class Watched:
    """What the steps are measured against.

    Attributes
    ----------
    origin
        Parameters after the harmed domain's stage, shape (N,).
    conflict, control
        Indices of equally many coordinates.
    """

    origin: Tensor
    conflict: Tensor
    control: Tensor

    def step(self, number: int, loss: float | None, parameters: Tensor) -> RefreshStep:
        difference = parameters - self.origin
        norms = [difference[where].norm().item() for where in (self.conflict, self.control, slice(None))]
        return RefreshStep(number, loss, *norms)


def refresh(
    model: Model,
    domain: Domain,
    layout: Layout,
    watched: Watched,
    settings: RefreshSettings,
    learning_rate: float,
    trace: Path,
    progress: Progress,
    on_step: Callable[[int], None] = lambda _step: None,
) -> list[RefreshStep]:
    """Train the model from where it stands, on what the domain fits on.

    The state is kept beside the trace, so that a refresh that was stopped goes on; one with other settings, or that
    watches other coordinates, begins anew.

    Parameters
    ----------
    model, domain, layout
    learning_rate
        One of the settings' rates.
    trace
        JSON lines, one a step.
    progress
        Told of every step, with its loss and the norm of its conflict coordinates.
    on_step
        Told the number of every step, the model standing there.

    Raises
    ------
    RecoveryError
        The loss, its gradient or the parameters are not finite; what was saved last is kept.
    """
    layout.freeze_others(model)
    optimizer = _OPTIMIZERS[settings.optimizer](layout.parameters(model), lr=learning_rate)
    state = trace.with_name(f"{trace.stem}-{_digest(settings, learning_rate, watched)}.state.safetensors")
    done = restore_state(model, optimizer, state)
    steps = [RefreshStep(**row) for row in read_whole_lines(trace)][: done + 1] if done else []
    trace.unlink(missing_ok=True)
    append_lines(trace, (asdict(step) for step in steps))
    if not steps:
        _record(steps, watched.step(0, None, layout.read(model)), trace)
    for number in range(done + 1, settings.steps + 1):
        loss = domain.losses(model, _batch(domain.fit, number - 1, settings)).mean()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(layout.parameters(model), settings.clip_norm).item()
        if not (math.isfinite(loss.item()) and math.isfinite(norm)):
            raise RecoveryError(
                f"the loss of {domain.name!r} is {loss.item():.4g} at step {number}, with a gradient of norm {norm:.4g}; "
                "lower the learning rate"
            )
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step = watched.step(number, loss.item(), layout.read(model))
        if not math.isfinite(step.everything):
            raise RecoveryError(f"step {number} left parameters that are not finite; lower the learning rate")
        _record(steps, step, trace)
        progress.advance(number, settings.steps, f"loss {step.loss:.3f}, conflict norm {step.conflict:.4g}")
        on_step(number)
        if number % settings.checkpoint_steps == 0 and number < settings.steps:
            save_state(model, optimizer, number, state)
    for each in trace.parent.glob(f"{trace.stem}-*.state.safetensors"):
        each.unlink()
    return steps


def _digest(settings: RefreshSettings, learning_rate: float, watched: Watched) -> str:
    """Stands for the settings and the coordinates that are watched."""
    deciding = settings.model_dump(include={"steps", "batch_size", "optimizer", "clip_norm", "seed"})
    digest = hashlib.sha256(json.dumps([deciding, learning_rate], sort_keys=True).encode())
    for indices in (watched.conflict, watched.control):
        digest.update(indices.cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def _batch(examples: Sequence[Any], step: int, settings: RefreshSettings) -> list[Any]:
    """The examples of a step; every pass over them has an order of its own."""
    size = min(settings.batch_size, len(examples))
    per_pass = len(examples) // size
    generator = torch.Generator().manual_seed(settings.seed + step // per_pass)
    order = torch.randperm(len(examples), generator=generator).tolist()
    start = (step % per_pass) * size
    return [examples[i] for i in order[start : start + size]]


def _record(steps: list[RefreshStep], step: RefreshStep, trace: Path) -> None:
    steps.append(step)
    append_lines(trace, [asdict(step)])


def _adamw(parameters: list[torch.nn.Parameter], lr: float) -> torch.optim.Optimizer:
    return torch.optim.AdamW(parameters, lr=lr, weight_decay=0.0)


_OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {"adamw": _adamw, "sgd": torch.optim.SGD}
