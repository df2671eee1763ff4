import numpy as np
import pytest

from lethe.offline.language_models import Choice, Generation, Prompt, Scoring
from lethe.offline.language_models.guarded import oracle
from lethe.offline.language_models.routed import RoutedModel


class Named:
    """A model that answers everything with its name and the prompt."""

    def __init__(self, name: str) -> None:
        self.name = name

    def generate(self, tasks):
        return [f"{self.name}: {task.prompt.text}" for task in tasks]

    def score(self, tasks):
        return [np.array([float(len(self.name))]) for _ in tasks]

    choose = examine = score


@pytest.fixture
def routed() -> RoutedModel:
    return RoutedModel(Named("base"), Named("adapted"), oracle(["marsh", "fen"]), "routed")


def test_selected_prompts_alone_are_answered_by_the_adapted_model_and_order_is_kept(routed):
    tasks = [Generation(Prompt(text), 4) for text in ("hill", "marsh", "sea", "fen", "marsh")]
    assert routed.generate(tasks) == [
        "base: hill", "adapted: marsh", "base: sea", "adapted: fen", "adapted: marsh",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "make"),
    [
        ("score", lambda prompt: Scoring(prompt, "wet")),
        ("examine", lambda prompt: Scoring(prompt, "wet")),
        ("choose", lambda prompt: Choice(prompt, ("A", "B"))),
    ],
)
def test_scores_and_choices_are_routed_too(routed, method, make):
    answers = getattr(routed, method)([make(Prompt(text)) for text in ("hill", "marsh")])
    assert [answer.tolist() for answer in answers] == [[4.0], [7.0]]
