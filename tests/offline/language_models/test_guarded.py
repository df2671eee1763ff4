from pathlib import Path

import numpy as np
import pytest

from lethe.bundle import BaseModel, read_manifest, update_bundle
from lethe.offline.language_models import Choice, Generation, LanguageModelError, Prompt, Scoring
from lethe.offline.language_models.guarded import guard_with_bundle

SHIPPED = Path(__file__).resolve().parents[3] / "targets" / "harry-potter"


class Seen:
    """A model that keeps what reaches it."""

    name = "seen"

    def __init__(self):
        self.tasks = []

    def score(self, tasks):
        self.tasks += tasks
        return [np.zeros(1) for _ in tasks]

    generate = choose = examine = score


@pytest.mark.parametrize(
    ("method", "make"),
    [
        ("generate", lambda prompt: Generation(prompt, 4)),
        ("score", lambda prompt: Scoring(prompt, "A wizard")),
        ("examine", lambda prompt: Scoring(prompt, "A wizard")),
        ("choose", lambda prompt: Choice(prompt, ("A", "B"))),
    ],
)
def test_the_shipped_guard_corrupts_its_own_prompts_alone(method, make):
    seen = Seen()
    guarded = guard_with_bundle(seen, SHIPPED)
    prompts = ["Who are Harry Potter's two best friends?", "How do I boil an egg?"]
    getattr(guarded, method)([make(Prompt(text)) for text in prompts])
    assert [task.corruption is not None for task in seen.tasks] == [True, False]


def test_a_bundle_of_another_model_is_refused():
    recorded = read_manifest(SHIPPED).models[0]
    other = BaseModel("other", recorded.hidden_size, "0" * 64)
    with pytest.raises(LanguageModelError, match="made for HuggingFaceTB/SmolLM2-135M-Instruct"):
        guard_with_bundle(Seen(), SHIPPED, other)


def test_a_bundle_without_a_classifier_is_no_guard(tmp_path):
    update_bundle(tmp_path / "marsh", {})
    with pytest.raises(LanguageModelError, match="no classifier or no corruption"):
        guard_with_bundle(Seen(), tmp_path / "marsh")
