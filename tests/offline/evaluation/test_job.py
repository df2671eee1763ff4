import json

import numpy as np
import pytest

from lethe.corruption.artifact import Corruption
from lethe.offline.data.files import DataError
from lethe.offline.evaluation.job import BENCHMARKS, EvaluationSettings, evaluate
from lethe.offline.evaluation.results import read_results
from lethe.offline.language_models.guarded import GuardedModel, oracle
from lethe.offline.language_models.interface import LanguageModelError
from lethe.offline.language_models.proxy import ProxyModel
from lethe.offline.language_models.raw import RawModel

NOISE = Corruption("rand_noise_first_n", 5.0, 8)


class Silent:
    """Stands for a model that must not be asked any more."""

    name = "tiny"

    def _refuse(self, tasks):
        raise AssertionError(f"asked again: {tasks}")

    score = examine = generate = choose = _refuse


@pytest.fixture
def guarded(tiny_model):
    return GuardedModel(tiny_model, NOISE, lambda texts: [True] * len(texts), "guarded")


@pytest.mark.parametrize("benchmark", BENCHMARKS)
@pytest.mark.slow
def test_every_benchmark_compares_models_and_writes_its_results(
    benchmark, data, tiny_model, guarded, tmp_path
):
    results = evaluate(EvaluationSettings(benchmark, data), [tiny_model, guarded], tmp_path / "out")
    assert [result.model for result in results] == ["tiny", "guarded"]
    assert results[0].scores.keys() == results[1].scores.keys()
    assert read_results(tmp_path / "out" / "results.json") == results
    assert "| tiny | guarded |" in (tmp_path / "out" / "results.md").read_text()
    assert (tmp_path / "out" / "results.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_sweep_measures_every_strength_and_draws_it(data, tiny_model, guarded, tmp_path):
    sweep = {strength: guarded.at_strength(strength) for strength in (50.0, 0.0)}
    results = evaluate(EvaluationSettings("tofu", data), [tiny_model], tmp_path, sweep=sweep)
    assert [result.model for result in results] == ["tiny", "guarded at 0", "guarded at 50"]
    assert results[1].scores == results[0].scores
    assert results[2].scores != results[0].scores
    assert (tmp_path / "sweep.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_goes_on_from_what_was_answered(data, tiny_model, tmp_path):
    first = evaluate(EvaluationSettings("tofu", data), [tiny_model], tmp_path)
    assert evaluate(EvaluationSettings("tofu", data), [Silent()], tmp_path) == first


@pytest.mark.parametrize(
    ("benchmark", "score", "value"),
    [
        ("tofu", "forget quality (p)", 1.0),
        ("muse", "PrivLeak", 0.0),
        ("copyright", "average similarity gap", 0.0),
    ],
)
def test_a_model_cannot_be_told_from_itself(benchmark, score, value, data, tiny_model, tmp_path):
    results = evaluate(EvaluationSettings(benchmark, data), [tiny_model], tmp_path, retain=tiny_model)
    assert results[0].model == "tiny (retain)"
    assert [result.scores[score] for result in results] == [value, value]


def test_a_guard_that_selects_nothing_changes_nothing(data, tiny_model, tmp_path):
    idle = GuardedModel(tiny_model, NOISE, oracle([]), "idle")
    bare, behind = evaluate(EvaluationSettings("general", data), [tiny_model, idle], tmp_path)
    assert behind.outputs == bare.outputs
    assert behind.scores["same as bare"] == 1.0


def test_a_guard_corrupts_what_its_rule_selects_alone(data, tiny_model, tmp_path):
    selective = GuardedModel(tiny_model, NOISE, oracle(["Count to three."]), "selective")
    bare, behind = evaluate(EvaluationSettings("general", data), [tiny_model, selective], tmp_path)
    assert behind.outputs[:2] == bare.outputs[:2]
    assert behind.outputs[2] != bare.outputs[2]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (EvaluationSettings("poetry"), "benchmarks are tofu, exposure"),
        (EvaluationSettings("muse", corpus="films"), "corpora news, books"),
        (EvaluationSettings("tofu", forget="forget10"), r"forget10_perturbed\.json is missing"),
    ],
)
def test_data_that_are_not_there_are_refused_before_anything_is_asked(settings, message, data, tmp_path):
    from dataclasses import replace

    with pytest.raises(DataError, match=message):
        evaluate(replace(settings, data=data), [Silent()], tmp_path)


def test_a_folder_of_data_that_is_not_there_is_refused_with_how_to_name_one(tmp_path):
    with pytest.raises(DataError, match=r"none is no folder .* --data or LETHE_DATA_DIR"):
        evaluate(EvaluationSettings("general", tmp_path / "none"), [Silent()], tmp_path)


@pytest.mark.parametrize("content", ["", "{broken", "[]", '{"question": "Who?"}'])
def test_malformed_data_name_their_file(content, data, tmp_path):
    (data / "tofu" / "forget01_perturbed.json").write_text(content)
    with pytest.raises(DataError, match=r"forget01_perturbed"):
        evaluate(EvaluationSettings("tofu", data), [Silent()], tmp_path)


def test_answers_cannot_be_scored_through_a_proxy(data, tmp_path):
    with pytest.raises(LanguageModelError, match="cannot be scored through the proxy"):
        evaluate(EvaluationSettings("tofu", data), [ProxyModel("http://127.0.0.1:9", "small")], tmp_path)


def test_results_of_another_schema_are_refused(tmp_path):
    from lethe.offline.evaluation.results import ResultsError

    path = tmp_path / "results.json"
    path.write_text(json.dumps({"schema_version": 99, "results": []}))
    with pytest.raises(ResultsError, match="schema version 99"):
        read_results(path)


class Answering(Silent):
    """Gives one answer to everything."""

    def __init__(self, answer, name="tiny"):
        self.answer, self.name = answer, name

    def generate(self, tasks):
        return [f"{self.answer}, asked {'as chat' if task.prompt.chat else 'raw'}" for task in tasks]


def outputs(results):
    return [result.outputs[0] for result in results]


def test_what_was_asked_as_chat_is_asked_anew_as_raw_text(data, tmp_path):
    settings = EvaluationSettings("general", data)
    for _ in range(2):
        assert outputs(evaluate(settings, [Answering("yes")], tmp_path)) == ["yes, asked as chat"]
        assert outputs(evaluate(settings, [RawModel(Answering("yes"))], tmp_path)) == ["yes, asked raw"]


def test_two_models_of_one_name_keep_their_own_answers(data, tmp_path):
    """As two engines that serve the same name, or one and the model run here."""
    settings = EvaluationSettings("general", data)
    for _ in range(2):
        results = evaluate(settings, [Answering("yes"), Answering("no")], tmp_path)
        assert [result.model for result in results] == ["tiny", "tiny (2)"]
        assert outputs(results) == ["yes, asked as chat", "no, asked as chat"]


def test_a_limit_takes_questions_of_every_subject(data, tmp_path):
    class Choosing(Silent):
        def choose(self, tasks):
            return [np.array([0.0, *[-1.0] * (len(task.options) - 1)]) for task in tasks]

    [result] = evaluate(EvaluationSettings("wmdp", data, limit=1), [Choosing()], tmp_path)
    assert {"accuracy, biology", "accuracy, chemistry", "accuracy, cybersecurity"} <= result.scores.keys()


def test_ordinary_answers_are_compared_with_the_first_models_and_with_no_retain_models(data, tmp_path):
    models = [Answering("yes", "bare"), Answering("yes", "guarded")]
    results = evaluate(EvaluationSettings("general", data), models, tmp_path, retain=Answering("no", "kept"))
    assert [result.scores["same as bare"] for result in results] == [0.0, 1.0, 1.0]
