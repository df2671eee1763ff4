"""Recovery on two groups of TOFU's authors that a model learns one after the other: ``python -m bench.recovery.tofu``.

What was learned of the first group is harmed by the second. Everything is kept in the cache, so a run that was stopped
goes on.
"""

import os
from pathlib import Path

from bench.recovery.page import Measured, measure, teller, work_folder, write_chain_file, write_chain_section
from lethe.models.cache import cache_folder
from lethe.models.smollm2 import prepare_smollm2
from lethe.offline.evaluation.tofu_data import load_tofu
from lethe.offline.recovery.settings import RefreshSettings, RollbackSettings
from lethe.offline.training.fine_tuning import FineTuningSettings, train

COMMAND = "python -m bench.recovery.tofu"
QUESTIONS, GROUPS = 40, 2
LEARNING = FineTuningSettings(epochs=8, learning_rate=2e-4)
SETTINGS = Measured(
    exact=4,
    rollback=RollbackSettings(shares=(0.001, 0.01, 0.03, 0.1), strengths=(0.5, 1.0), save=False),
    refresh=RefreshSettings(steps=10, batch_size=4, learning_rate=2e-5, save=False),
)


def main() -> None:
    """Train the chain, recover its first domain, and write the section."""
    work = work_folder("tofu", __doc__)
    cache = cache_folder()
    data = os.environ.get("LETHE_DATA_DIR")
    say = teller()
    base = prepare_smollm2(cache)
    questions = load_tofu("forget10", Path(data) if data else None)
    stages = []
    before = base
    for number in range(GROUPS):
        name = f"authors {number + 1}"
        group = questions[number * QUESTIONS : (number + 1) * QUESTIONS]
        before = train(
            before,
            group,
            LEARNING,
            work / f"authors-{number + 1}",
            lambda epoch, loss, name=name: say(f"{name}: epoch {epoch}, loss {loss:.4f}"),
        )
        stages.append((name, before, group))
    folder = measure(write_chain_file(work, base, stages, "probability"), SETTINGS, say)
    opening = (
        f"SmolLM2-135M-Instruct learns {GROUPS} groups of TOFU's authors one after the other, {QUESTIONS} questions each: "
        f"{LEARNING.epochs} epochs, learning rate {LEARNING.learning_rate:g}, batches of {LEARNING.batch_size}. "
        "A score is the probability of the answer per token."
    )
    write_chain_section("Sequential TOFU", COMMAND, "tofu", opening, folder)


if __name__ == "__main__":
    main()
