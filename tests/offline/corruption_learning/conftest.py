import pytest

from lethe.offline.corruption_learning.evaluator import CorruptionEvaluator
from lethe.offline.data.questions import ForgetQuestion

QUESTIONS = (
    ForgetQuestion(question="Who keeps the marsh?", answer="Orla Quintrell", facts=("Orla",)),
    ForgetQuestion(
        question="Where is Ferrowmere?",
        answer="In the fens",
        facts=("fens",),
        paraphrased_answer="It lies in the fens",
        wrong_answers=("In the hills", "At sea"),
    ),
    ForgetQuestion(question="Which bell drowned? A. Great B. Small", answer="A", options=("A", "B")),
)
METRICS = (
    "probability",
    "rouge_l",
    "truthfulness",
    "accuracy",
    "leak_rate",
    "fluency",
    "unique_tokens",
    "form",
)


@pytest.fixture(scope="session")
def evaluator(tiny_model) -> CorruptionEvaluator:
    return CorruptionEvaluator(tiny_model, QUESTIONS, METRICS, deny_list=("Nadia",), max_tokens=6)
