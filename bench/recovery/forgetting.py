"""Requests to unlearn that come one after another, and what they do to what was to be kept.

A model learns TOFU's authors; then one group after another is forgotten by an expert of one bank, as in
`bench.reproduction.tofu_sequence`. In force is the sum of the experts so far, here merged into the model.
"""

from dataclasses import replace
from pathlib import Path

import torch

from bench.recovery.chain_bench import ChainBench, ChainStep, Say
from bench.recovery.learning import REFRESH, ROLLBACK, tofu_questions
from bench.reproduction.alter import train_alter
from bench.reproduction.tofu_models import TofuRecipe
from lethe.models.cache import cache_folder
from lethe.models.smollm2 import prepare_smollm2
from lethe.offline.training.adapted_model import open_adapted
from lethe.offline.training.fine_tuning import FineTuningSettings, save_model, train
from lethe.offline.training.low_rank import merge

KEPT, RETAINED, ASKED, REQUESTS = 64, 40, 20, 3
LEARNING = FineTuningSettings(epochs=8, learning_rate=2e-4, batch_size=16)


def _train(folder: Path, seed: int, say: Say) -> tuple[Path, list[ChainStep]]:
    asked = tofu_questions("forget10")[seed * REQUESTS * ASKED :]
    groups = {f"request-{n + 1}": asked[n * ASKED : (n + 1) * ASKED] for n in range(REQUESTS)}
    others = tofu_questions("retain")[seed * (KEPT + RETAINED) :]
    kept, retained = others[:KEPT], others[KEPT : KEPT + RETAINED]
    base = prepare_smollm2(cache_folder())
    everything = [*kept, *retained, *(question for group in groups.values() for question in group)]
    learned = train(
        base,
        everything,
        replace(LEARNING, seed=seed),
        folder / "learned",
        lambda epoch, loss: say(f"learning: epoch {epoch}, loss {loss:.4f}"),
    )
    steps = [ChainStep("kept", learned, kept)]
    settings = TofuRecipe().experts.model_copy(update={"seed": seed})
    for number, (name, group) in enumerate(groups.items(), start=1):
        bank = train_alter(learned, {name: group}, retained, settings, folder / "adapters", say)
        merged = folder / f"stage-{number + 1}"
        if not (merged / "config.json").is_file():
            names = list(groups)[:number]
            opened = open_adapted(learned, bank.compose(dict.fromkeys(names, 1.0)), merged.name)
            merge(opened.model.float())
            save_model(opened.model, opened.encoder, merged, torch.float32)
        steps.append(ChainStep(name, merged, group, "forget"))
    return base, steps


BENCH = ChainBench(
    title="Requests to unlearn in sequence",
    opening=f"SmolLM2-135M-Instruct learns {KEPT + RETAINED} of TOFU's retain questions and {REQUESTS} groups of {ASKED} of its "
    f"forget10, other ones with every seed: {LEARNING.epochs} epochs, learning rate {LEARNING.learning_rate:g}, batches of "
    f"{LEARNING.batch_size}. Then the groups are forgotten one after another by experts of one bank, trained as for "
    "docs/reproduction-tofu-sequence.md and summed. The experts were trained to retain "
    f"{RETAINED} of the retain questions; the harmed domain are the other {KEPT}. A score is the probability of the answer per token, and of what is forgotten one minus it.",
    harmed="kept",
    score="probability",
    train=_train,
    exact=2,
    rollback=ROLLBACK,
    refresh=REFRESH,
)
