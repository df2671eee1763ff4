import json

import numpy as np
import pytest

from lethe.offline.language_models import Choice, Examination, Generation, Prompt, Scoring
from lethe.offline.language_models.recorded import RecordedModel, recorded_selects


class Counting:
    """A model that numbers its answers."""

    name = "counting"

    def __init__(self):
        self.asked = []

    def generate(self, tasks):
        self.asked.append(len(tasks))
        return [task.prompt.text.upper() for task in tasks]

    def score(self, tasks):
        self.asked.append(len(tasks))
        return [np.full(len(task.answer), -0.5) for task in tasks]

    def examine(self, tasks):
        self.asked.append(len(tasks))
        return [Examination(np.array([-0.5, -2.0]), np.array([True, False])) for _ in tasks]

    def choose(self, tasks):
        self.asked.append(len(tasks))
        return [np.array([-1.0, -np.inf]) for _ in tasks]


def generations(*texts):
    return [Generation(Prompt(text), 4) for text in texts]


def test_nothing_is_asked_twice_even_by_another_run(tmp_path):
    model = Counting()
    first = RecordedModel(model, tmp_path / "answers.jsonl")
    assert first.generate(generations("a", "b", "a")) == ["A", "B", "A"]
    second = RecordedModel(model, tmp_path / "answers.jsonl")
    assert second.generate(generations("b", "c")) == ["B", "C"]
    assert model.asked == [2, 1]


def test_answers_of_every_kind_come_back_as_they_were(tmp_path):
    tasks = [Scoring(Prompt("a"), "xyz")], [Choice(Prompt("a"), ("A", "B"))]
    for _ in range(2):
        model = RecordedModel(Counting(), tmp_path / "answers.jsonl")
        np.testing.assert_array_equal(model.score(tasks[0])[0], [-0.5, -0.5, -0.5])
        np.testing.assert_array_equal(model.choose(tasks[1])[0], [-1.0, -np.inf])


def test_examined_answers_come_back_with_what_the_backend_gave(tmp_path):
    for _ in range(2):
        model = RecordedModel(Counting(), tmp_path / "answers.jsonl")
        [scores] = model.examine([Scoring(Prompt("a"), "xy")])
        assert scores.log_probabilities.tolist() == [-0.5, -2.0]
        assert scores.greedy.tolist() == [True, False]
        assert scores.means is None


def test_what_was_answered_before_an_interruption_is_kept(tmp_path):
    path = tmp_path / "answers.jsonl"

    def interrupt(_done, _total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        RecordedModel(Counting(), path, chunk=2, on_answered=interrupt).generate(generations("a", "b", "c"))
    with path.open("a") as file:
        file.write('["cut sho')
    model = Counting()
    assert RecordedModel(model, path).generate(generations("a", "b", "c")) == ["A", "B", "C"]
    assert model.asked == [1]


def test_a_line_is_written_whole_after_one_that_was_cut(tmp_path):
    path = tmp_path / "answers.jsonl"
    path.write_text('["cut sho')
    RecordedModel(Counting(), path).generate(generations("a"))
    assert json.loads(path.read_text().splitlines()[-1])[1] == "A"


def test_other_lengths_prompts_and_methods_are_other_tasks(tmp_path):
    model = RecordedModel(Counting(), tmp_path / "answers.jsonl")
    model.generate(
        [Generation(Prompt("a"), 4), Generation(Prompt("a"), 5), Generation(Prompt("a", chat=False), 4)]
    )
    assert model.model.asked == [3]


def test_a_rule_is_opened_only_for_prompts_that_it_has_not_judged(tmp_path):
    asked = []

    def open_rule():
        def selects(texts):
            asked.append(list(texts))
            return ["marsh" in text for text in texts]

        return selects

    def unopened():
        raise AssertionError("everything was judged before")

    path = tmp_path / "verdicts.jsonl"
    assert recorded_selects(open_rule, path)(["the marsh", "bread", "the marsh"]) == [True, False, True]
    assert asked == [["the marsh", "bread"]]
    assert recorded_selects(unopened, path)(["bread", "the marsh"]) == [False, True]
