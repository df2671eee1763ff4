"""How the small model learns one domain after another by fine-tuning, and how such chains are recovered."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bench.recovery.chain_bench import ChainStep, Say
from lethe.models.cache import cache_folder
from lethe.models.smollm2 import prepare_smollm2
from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.evaluation.tofu_data import load_tofu
from lethe.offline.recovery.settings import RefreshSettings, RollbackSettings
from lethe.offline.training.fine_tuning import FineTuningSettings, train

ROLLBACK = RollbackSettings(shares=(0.01, 0.03, 0.1, 0.3), strengths=(0.5, 0.75, 1.0), save=False)
REFRESH = RefreshSettings(
    steps=16,
    measured_every=4,
    batch_size=8,
    learning_rates=(1e-5, 3e-5, 1e-4),
    examples=("all", "lot", "routes", "harm"),
    checkpoint_steps=1000,
    save=False,
)


def learn_in_turn(
    folder: Path,
    domains: Mapping[str, Sequence[ForgetQuestion]],
    settings: FineTuningSettings,
    seed: int,
    say: Say,
) -> tuple[Path, list[ChainStep]]:
    """Train SmolLM2-135M-Instruct on every domain, each from the one before; give where it began, and the stages."""
    base = before = prepare_smollm2(cache_folder())
    steps = []
    for number, (name, questions) in enumerate(domains.items(), start=1):
        before = train(
            before,
            questions,
            replace(settings, seed=seed),
            folder / f"stage-{number}",
            lambda epoch, loss, name=name: say(f"{name}: epoch {epoch}, loss {loss:.4f}"),
        )
        steps.append(ChainStep(name, before, questions))
    return base, steps


def tofu_questions(name: str) -> tuple[ForgetQuestion, ...]:
    """One of TOFU's sets, out of ``LETHE_DATA_DIR`` where that is given."""
    data = os.environ.get("LETHE_DATA_DIR")
    return load_tofu(name, Path(data) if data else None)
