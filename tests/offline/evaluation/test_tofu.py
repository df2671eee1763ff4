from pathlib import Path

import pytest

from lethe.offline.evaluation.tofu import TofuQuestions, evaluate_tofu
from lethe.offline.language_models.local import LocalModel


@pytest.fixture
def questions(data: Path) -> TofuQuestions:
    return TofuQuestions.load("forget01", data, limit=1)


@pytest.mark.parametrize("answered", [True, False])
def test_forgotten_questions_that_are_not_to_be_answered_are_scored_alone(
    tiny_model: LocalModel, questions: TofuQuestions, answered: bool
) -> None:
    result = evaluate_tofu(tiny_model, questions, max_tokens=2, answers_forgotten=answered)
    assert len(result.outputs) == (len(questions.forget) if answered else 0)
    assert ("forget ROUGE-L" in result.scores) == answered
    assert {"forget probability", "model utility", "retain ROUGE-L"} <= result.scores.keys()
