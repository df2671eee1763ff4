"""Two groups of TOFU's authors that a model learns one after the other; the second harms what it learned of the first.

The chain comes in two lengths; the short one, learned and searched in fewer steps, is for a core.
"""

from functools import partial
from pathlib import Path

from bench.recovery.chain_bench import ChainBench, ChainStep, Say
from bench.recovery.learning import REFRESH, ROLLBACK, learn_in_turn, tofu_questions
from lethe.offline.recovery.settings import RefreshSettings, RollbackSettings
from lethe.offline.training.fine_tuning import FineTuningSettings

QUESTIONS, GROUPS = 40, 2
LONG = FineTuningSettings(epochs=8, learning_rate=2e-4)
SHORT = FineTuningSettings(epochs=5, learning_rate=2e-4)
SHORT_ROLLBACK = ROLLBACK.model_copy(
    update={"shares": (0.01, 0.03, 0.1), "strengths": (0.5, 1.0), "points": 4, "draws": 3}
)
# At the longer chain's middle rate, for three lengths of a refresh, each a third of the longest further.
SHORT_REFRESH = REFRESH.model_copy(
    update={
        "steps": 24,
        "measured_every": 8,
        "batch_size": 4,
        "learning_rates": (3e-5,),
        "examples": ("all",),
    }
)


def _train(folder: Path, seed: int, say: Say, learning: FineTuningSettings) -> tuple[Path, list[ChainStep]]:
    questions = tofu_questions("forget10")[seed * GROUPS * QUESTIONS :]
    groups = {f"authors {n + 1}": questions[n * QUESTIONS : (n + 1) * QUESTIONS] for n in range(GROUPS)}
    return learn_in_turn(folder, groups, learning, seed, say)


def _bench(
    title: str, learning: FineTuningSettings, rollback: RollbackSettings, refresh: RefreshSettings
) -> ChainBench:
    return ChainBench(
        title=title,
        opening=f"SmolLM2-135M-Instruct learns {GROUPS} groups of TOFU's authors one after the other, {QUESTIONS} questions "
        f"each, other authors with every seed: {learning.epochs} epochs, learning rate {learning.learning_rate:g}, batches of "
        f"{learning.batch_size}. A score is the probability of the answer per token.",
        harmed="authors 1",
        score="probability",
        train=partial(_train, learning=learning),
        exact=2,
        rollback=rollback,
        refresh=refresh,
    )


BENCH = _bench("Sequential TOFU", LONG, ROLLBACK, REFRESH)
SHORT_BENCH = _bench("Sequential TOFU, shorter", SHORT, SHORT_ROLLBACK, SHORT_REFRESH)
