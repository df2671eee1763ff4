import json

import pytest

from lethe.offline.corruption_learning.errors import LearningError
from lethe.offline.corruption_learning.learn import candidates_of_a_whole_search, learn_corruption
from lethe.offline.corruption_learning.objective import Objective
from lethe.offline.corruption_learning.plot import plot_search
from lethe.offline.corruption_learning.settings import DescentSettings, LearningSettings
from lethe.offline.corruption_learning.trace import TraceError

SETTINGS = LearningSettings(
    functions=("rand_noise_first_n", "zero_out_top_k", "shuffle", "add_vector_first_n"),
    dims=(2, 8),
    strengths=(0.5, 5.0),
    restarts=2,
    steps=2,
    vector=DescentSettings(steps=1, learning_rate=1.0, epsilon=1.0),
)
RETAINED = ("What is a lamp?", "Why do birds sing?")


@pytest.fixture(scope="module")
def learned(evaluator):
    return learn_corruption(SETTINGS, evaluator, evaluator, RETAINED)


def test_the_choice_is_the_candidate_nearest_to_the_surrogate(learned):
    objective = Objective.beside(learned.surrogate, learned.clean)
    assert learned.distance == min(candidate.distance for candidate in learned.candidates)
    assert learned.distance == pytest.approx(objective(learned.corrupted))
    assert learned.corruption == learned.candidates[0].corruption


def test_all_functions_are_compared(learned):
    tried = {(c.corruption.function, c.corruption.dims) for c in learned.candidates}
    assert tried == {
        *(("rand_noise_first_n", dims) for dims in (2, 8)),
        *(("zero_out_top_k", dims) for dims in (2, 8)),
        *(("add_vector_first_n", dims) for dims in (2, 8)),
        ("shuffle", 1),
    }


def test_several_positions_are_compared_and_the_choice_is_among_all(evaluator):
    several = SETTINGS.model_copy(
        update={"functions": ("zero_out_top_k",), "positions": ("user_content", "all_but_last")}
    )
    found = learn_corruption(several, evaluator, None, RETAINED)
    tried = {(c.corruption.positions, c.corruption.dims) for c in found.candidates}
    assert tried == {(positions, dims) for positions in several.positions for dims in (2, 8)}
    assert len(found.candidates) == candidates_of_a_whole_search(several)


def test_held_out_questions_are_measured_with_and_without(learned, evaluator):
    assert learned.held_out_clean.outputs == evaluator.measure([None])[0].outputs
    assert learned.held_out_corrupted.outputs == evaluator.measure([learned.corruption])[0].outputs


def test_an_interrupted_search_goes_on_to_the_same_end(learned, evaluator, tmp_path):
    trace = tmp_path / "search.jsonl"

    class Interrupted(Exception):
        pass

    def interrupt(count):
        if count > 8:
            raise Interrupted

    with pytest.raises(Interrupted):
        learn_corruption(SETTINGS, evaluator, None, RETAINED, trace, on_measured=interrupt)
    before = len(trace.read_text().splitlines())
    with trace.open("a") as file:
        file.write('{"key": "cut sho')
    measured = []
    resumed = learn_corruption(SETTINGS, evaluator, None, RETAINED, trace, on_measured=measured.append)
    assert resumed.corruption == learned.corruption
    assert resumed.distance == pytest.approx(learned.distance)
    assert min(measured) > before - 2


def test_a_trace_holds_a_line_for_every_measurement(evaluator, tmp_path):
    trace = tmp_path / "search.jsonl"
    result = learn_corruption(SETTINGS, evaluator, None, RETAINED, trace)
    rows = [json.loads(line) for line in trace.read_text().splitlines()][1:]
    candidates = [row for row in rows if row.get("candidate")]
    assert len(candidates) == len(result.candidates)
    assert all(set(row["values"]) == set(evaluator.metrics) for row in rows)


def test_a_trace_of_another_search_is_refused(evaluator, tmp_path):
    trace = tmp_path / "search.jsonl"
    trace.write_text('{"search": "other"}\n{"key": "a", "candidate": {}, "values": {}, "outputs": []}\n')
    with pytest.raises(TraceError, match="another model, questions or metrics"):
        learn_corruption(SETTINGS, evaluator, None, RETAINED, trace)


@pytest.mark.parametrize("content", ['{"search": "other"}\n', ""])
def test_a_trace_in_which_nothing_was_measured_keeps_nobody(evaluator, tmp_path, content):
    trace = tmp_path / "search.jsonl"
    if content:
        trace.write_text(content)
    learn_corruption(SETTINGS, evaluator, None, RETAINED, trace)
    header, *rows = map(json.loads, trace.read_text().splitlines())
    assert header.keys() == {"search"}
    assert header["search"] != "other"
    assert rows


def test_given_surrogate_values_take_precedence(evaluator):
    settings = LearningSettings(
        functions=("shuffle",),
        surrogate=dict.fromkeys(evaluator.metrics, 0.5),
        steps=0,
    )
    assert learn_corruption(settings, evaluator).surrogate == dict.fromkeys(evaluator.metrics, 0.5)


def test_no_way_to_know_a_surrogate_value_is_refused(evaluator):
    with pytest.raises(LearningError, match="retain-like prompts"):
        learn_corruption(LearningSettings(functions=("shuffle",)), evaluator)


def test_the_picture_is_a_png(learned, tmp_path):
    plot_search(learned, tmp_path / "plots" / "search.png")
    assert (tmp_path / "plots" / "search.png").read_bytes().startswith(b"\x89PNG")
