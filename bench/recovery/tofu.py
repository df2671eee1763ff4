"""Two groups of TOFU's authors that a model learns one after the other; the second harms what it learned of the first."""

from pathlib import Path

from bench.recovery.chain_bench import ChainBench, ChainStep, Say
from bench.recovery.learning import REFRESH, ROLLBACK, learn_in_turn, tofu_questions
from lethe.offline.training.fine_tuning import FineTuningSettings

QUESTIONS, GROUPS = 40, 2
LEARNING = FineTuningSettings(epochs=8, learning_rate=2e-4)


def _train(folder: Path, seed: int, say: Say) -> tuple[Path, list[ChainStep]]:
    questions = tofu_questions("forget10")[seed * GROUPS * QUESTIONS :]
    groups = {f"authors {n + 1}": questions[n * QUESTIONS : (n + 1) * QUESTIONS] for n in range(GROUPS)}
    return learn_in_turn(folder, groups, LEARNING, seed, say)


BENCH = ChainBench(
    title="Sequential TOFU",
    opening=f"SmolLM2-135M-Instruct learns {GROUPS} groups of TOFU's authors one after the other, {QUESTIONS} questions "
    f"each, other authors with every seed: {LEARNING.epochs} epochs, learning rate {LEARNING.learning_rate:g}, batches of "
    f"{LEARNING.batch_size}. A score is the probability of the answer per token.",
    harmed="authors 1",
    score="probability",
    train=_train,
    exact=2,
    rollback=ROLLBACK,
    refresh=REFRESH,
)
