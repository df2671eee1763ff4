"""Four domains in the order of the paper's chain: code-like, arithmetic, questions, writing-like.

The domains are made here but for the questions, which are TOFU's. Arithmetic is the one to recover, as there.
"""

import random
from pathlib import Path

from bench.recovery.chain_bench import ChainBench, ChainStep, Say
from bench.recovery.learning import REFRESH, ROLLBACK, learn_in_turn, tofu_questions
from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.training.fine_tuning import FineTuningSettings

QUESTIONS = 64
LEARNING = FineTuningSettings(epochs=6, learning_rate=2e-4)

_OPERATIONS = {
    "adds {n} to": "return x + {n}",
    "subtracts {n} from": "return x - {n}",
    "multiplies by {n}": "return x * {n}",
    "raises to the power {n}": "return x ** {n}",
    "takes the remainder by {n} of": "return x % {n}",
    "caps at {n}": "return min(x, {n})",
}
_NAMES = ("shift", "scale", "clip", "fold", "step", "wrap", "trim", "bend")
_PLACES = (
    "lighthouse",
    "orchard",
    "railway station",
    "library",
    "harbour",
    "observatory",
    "bakery",
    "island",
)
_PEOPLE = (
    "a retired sailor",
    "a young baker",
    "a lost surveyor",
    "two sisters",
    "a patient gardener",
    "a night guard",
)
_THINGS = ("a letter without a stamp", "a key of green glass", "the sound of a drum", "a map drawn in salt")
_TIMES = (
    "On the last evening of autumn",
    "Before the bells had rung",
    "In the year of the long rain",
    "At low tide",
)


def code(count: int, seed: int) -> list[ForgetQuestion]:
    """Short Python functions."""
    draw = random.Random(seed)
    asked = {}
    while len(asked) < count:
        operation, body = draw.choice(list(_OPERATIONS.items()))
        name, n = f"{draw.choice(_NAMES)}_{draw.randint(1, 99)}", draw.randint(2, 40)
        question = f"Write a Python function {name} that {operation.format(n=n)} its argument."
        asked[question] = f"def {name}(x):\n    {body.format(n=n)}"
    return [ForgetQuestion(question=question, answer=answer) for question, answer in asked.items()]


def arithmetic(count: int, seed: int) -> list[ForgetQuestion]:
    """Sums and differences of two numbers of two digits, worked out in two steps."""
    draw = random.Random(seed)
    asked = {}
    while len(asked) < count:
        a, b = draw.randint(21, 99), draw.randint(12, 89)
        tens, ones = b // 10 * 10, b % 10
        asked[f"What is {a} + {b}?"] = f"{a} + {tens} = {a + tens}, and {a + tens} + {ones} = {a + b}."
    return [ForgetQuestion(question=question, answer=answer) for question, answer in asked.items()]


def writing(count: int, seed: int) -> list[ForgetQuestion]:
    """Openings of stories, drawn from parts: each is asked for by its place and person, and has parts of its own."""
    draw = random.Random(seed)
    asked = {}
    while len(asked) < count:
        place, person = draw.choice(_PLACES), draw.choice(_PEOPLE)
        number = draw.randint(1, 99)
        question = f"Write the opening of story {number}, set in a {place}, about {person}."
        asked[question] = (
            f"{draw.choice(_TIMES)}, {person} came to the {place} and found {draw.choice(_THINGS)}. "
            f"Nobody had been there for {number} days."
        )
    return [ForgetQuestion(question=question, answer=answer) for question, answer in asked.items()]


def _train(folder: Path, seed: int, say: Say) -> tuple[Path, list[ChainStep]]:
    domains = {
        "code": code(QUESTIONS, seed),
        "arithmetic": arithmetic(QUESTIONS, seed),
        "questions": tofu_questions("forget10")[seed * QUESTIONS : (seed + 1) * QUESTIONS],
        "writing": writing(QUESTIONS, seed),
    }
    return learn_in_turn(folder, domains, LEARNING, seed, say)


BENCH = ChainBench(
    title="Four domains",
    opening=f"SmolLM2-135M-Instruct learns code-like, arithmetic, question and writing-like tasks one after the other, "
    f"{QUESTIONS} of each, other ones with every seed: {LEARNING.epochs} epochs, learning rate "
    f"{LEARNING.learning_rate:g}, batches of {LEARNING.batch_size}. Arithmetic is recovered. A score is the probability of "
    "the answer per token.",
    harmed="arithmetic",
    score="probability",
    train=_train,
    exact=2,
    rollback=ROLLBACK,
    refresh=REFRESH,
)
