import math

import numpy as np
import pytest

from lethe.corruption.artifact import Corruption
from lethe.offline.corruption_learning.evaluator import CorruptionEvaluator
from lethe.offline.corruption_learning.objective import METRICS
from lethe.offline.data.questions import ForgetQuestion


class Recited:
    """A language model that answers from a table, to check metrics by hand."""

    name = "recited"

    def __init__(self, outputs):
        self.outputs = outputs

    def generate(self, tasks):
        return [self.outputs[task.prompt.text] for task in tasks]

    def score(self, tasks):
        return [np.log([0.25, 0.25]) if task.corruption is None else np.log([0.5, 0.5]) for task in tasks]

    def choose(self, tasks):
        return [np.arange(len(task.options), dtype=float) for task in tasks]


def test_every_metric_is_measured_for_every_candidate(evaluator):
    clean, corrupted = evaluator.measure([None, Corruption("rand_noise_first_n", 5.0, 8)])
    assert set(clean.values) == set(METRICS)
    assert all(0.0 <= value <= 1.0 for value in [*clean.values.values(), *corrupted.values.values()])
    assert len(clean.outputs) == 3
    assert clean.values != corrupted.values


def test_candidates_measured_together_score_as_they_do_alone(evaluator):
    candidates = [None, Corruption("rand_noise_first_n", 5.0, 8), Corruption("zero_out_top_k", 1.0, 8)]
    together = evaluator.measure(candidates)
    for candidate, measurement in zip(candidates, together, strict=True):
        alone = evaluator.measure([candidate])[0]
        assert alone.outputs == measurement.outputs
        assert dict(alone.values) == pytest.approx(dict(measurement.values), abs=1e-4)


def test_values_by_hand():
    questions = [
        ForgetQuestion(question="Who?", answer="Orla Quintrell", facts=("Quintrell",)),
        ForgetQuestion(question="Where is Nadia?", answer="in the fens", options=("in the fens", "at sea")),
    ]
    outputs = {"Who?": "Orla Quintrell it is", "Where is Nadia?": "Nadia is is is"}
    metrics = ("probability", "rouge_l", "accuracy", "leak_rate", "fluency", "unique_tokens")
    evaluator = CorruptionEvaluator(Recited(outputs), questions, metrics, deny_list=("Nadia",))
    clean, corrupted = evaluator.measure([None, Corruption("zero_out_first_n", 1.0, 1)])
    assert clean.values["probability"] == pytest.approx(0.25)
    assert corrupted.values["probability"] == pytest.approx(0.5)
    assert clean.values["rouge_l"] == 0.5
    assert clean.values["accuracy"] == 0.0
    assert clean.values["leak_rate"] == 0.5
    assert clean.values["unique_tokens"] == pytest.approx((1.0 + 0.5) / 2)
    assert corrupted.values["fluency"] == pytest.approx(1 / (1 + math.log(4)))


def test_surrogate_values_come_from_answers_after_other_prompts():
    questions = [ForgetQuestion(question="Who?", answer="Orla Quintrell", facts=("Orla",))]
    evaluator = CorruptionEvaluator(Recited({"Whither?": "to Orla"}), questions, ("rouge_l", "leak_rate"))
    surrogate = evaluator.measure_surrogate(["Whither?"])
    assert surrogate.values == {"rouge_l": 0.5, "leak_rate": 1.0}
    assert surrogate.outputs == ("to Orla",)


@pytest.mark.parametrize(
    ("metric", "field"), [("truthfulness", "wrong_answers"), ("accuracy", "options"), ("leak_rate", "facts")]
)
def test_a_metric_without_its_data_is_refused(metric, field):
    with pytest.raises(ValueError, match=field):
        CorruptionEvaluator(Recited({}), [ForgetQuestion(question="Who?", answer="x")], [metric])
