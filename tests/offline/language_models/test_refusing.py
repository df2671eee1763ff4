import numpy as np
import pytest

from lethe.offline.language_models import Choice, Generation, LanguageModelError, Prompt, Scoring
from lethe.offline.language_models.guarded import oracle
from lethe.offline.language_models.refusing import RefusingModel


class Loud:
    """A model that answers in capitals."""

    name = "loud"

    def generate(self, tasks):
        return [task.prompt.text.upper() for task in tasks]

    def score(self, tasks):
        return [np.zeros(1) for _ in tasks]

    choose = examine = score


@pytest.fixture
def refusing():
    return RefusingModel(Loud(), oracle(["marsh"]), "No.", "refusing")


def test_selected_prompts_are_refused_and_order_is_kept(refusing):
    tasks = [Generation(Prompt(text), 4) for text in ("hill", "marsh", "sea")]
    assert refusing.generate(tasks) == ["HILL", "No.", "SEA"]


@pytest.mark.parametrize(
    ("method", "make"),
    [
        ("score", lambda prompt: Scoring(prompt, "wet")),
        ("examine", lambda prompt: Scoring(prompt, "wet")),
        ("choose", lambda prompt: Choice(prompt, ("A", "B"))),
    ],
)
def test_nothing_scores_an_answer_to_what_is_refused(refusing, method, make):
    assert len(getattr(refusing, method)([make(Prompt("hill"))])) == 1
    with pytest.raises(LanguageModelError, match="reaches no model"):
        getattr(refusing, method)([make(Prompt("hill")), make(Prompt("marsh"))])
