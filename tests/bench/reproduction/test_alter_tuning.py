import numpy as np
import pytest

from bench.reproduction.alter_tuning import (
    KEPT,
    choose,
    choose_and_keep,
    compare_all,
    measured_candidates,
    tuning_folder,
    tuning_questions,
)
from bench.reproduction.report import write_page
from bench.reproduction.tofu import TofuReproduction
from bench.reproduction.tofu_models import TofuRecipe
from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.evaluation.results import Result, write_results
from lethe.offline.evaluation.tofu import TRUTH_RATIOS, TofuQuestions


def result(name: str, ratios: np.ndarray, utility: float) -> Result:
    return Result("tofu", name, {"model utility": utility}, {TRUTH_RATIOS: ratios.tolist()})


NEVER_LEARNED = np.linspace(0.5, 1.5, 40)
REFERENCES = [result("retain", NEVER_LEARNED, 0.5), result("original", NEVER_LEARNED - 0.6, 0.5)]


def test_the_candidate_nearest_to_the_retain_model_among_those_that_keep_enough_is_chosen():
    measured = [
        result("useless at 1", NEVER_LEARNED, 0.5 * KEPT - 0.01),
        result("near at 1.3", NEVER_LEARNED + 0.1, 0.5 * KEPT),
        result("far at 1", NEVER_LEARNED - 0.4, 0.5),
    ]
    choice = choose(REFERENCES, measured)
    assert (choice.name, choice.scale) == ("near", 1.3)
    assert choice.kept == pytest.approx(KEPT)
    assert choice.ratio == pytest.approx(1.1)


def test_questions_in_between_have_no_part_in_the_choice():
    spoiled = NEVER_LEARNED.copy()
    spoiled[1::2] = 0.0
    [judged] = compare_all(REFERENCES, [result("half at 1", spoiled, 0.5)])
    assert judged.tuning == 1.0
    assert judged.held_out < 1e-6
    measured = [result("half at 1", spoiled, 0.5), result("near at 1", NEVER_LEARNED + 0.1, 0.5)]
    assert choose(REFERENCES, measured).name == "half"


def test_where_none_keeps_enough_the_most_is_kept():
    measured = [result("a at 1", NEVER_LEARNED, 0.1), result("b at 1", NEVER_LEARNED - 0.4, 0.2)]
    assert choose(REFERENCES, measured).name == "b"


def test_candidates_are_compared_on_all_that_is_forgotten_and_on_a_part_of_the_utility():
    asked = [ForgetQuestion(question=f"q{n}", answer="a") for n in range(8)]
    questions = TofuQuestions(asked, dict.fromkeys(("retain", "real_authors", "world_facts"), asked))
    compared = tuning_questions(questions)
    assert compared.forget == asked
    assert {name: len(part) for name, part in compared.utility.items()} == {
        "retain": 2, "real_authors": 4, "world_facts": 4,
    }  # fmt: skip


def test_what_was_tuned_is_on_the_page_before_anything_is_compared(tmp_path):
    run = TofuReproduction(TofuRecipe(forget_sets=("forget05",)), tmp_path, None, tmp_path, print)
    page = tmp_path / "docs" / "page.md"
    write_page(page, run, ["forget05"])
    assert "## forget05" not in page.read_text()
    write_results(REFERENCES, tuning_folder(tmp_path, "forget05", run.dtype) / "references")
    measured = [result("npo at 1", NEVER_LEARNED + 0.1, 0.5), result("npo at 0.8", NEVER_LEARNED, 0.5)]
    write_results(measured, tuning_folder(tmp_path, "forget05", run.dtype) / "npo")
    choose_and_keep(run, "forget05")
    write_page(page, run, ["forget05"])
    assert "`npo` at 0.8" in page.read_text()
    assert "| npo | 0.8 | 1 | 1 | 1 | 1.00 | 1 |" in page.read_text()


def test_what_is_measured_in_another_precision_is_kept_apart(tmp_path):
    write_results(REFERENCES, tuning_folder(tmp_path, "forget05", "float32") / "references")
    write_results(
        [result("npo at 1", NEVER_LEARNED, 0.5)], tuning_folder(tmp_path, "forget05", "float32") / "npo"
    )
    assert [each.model for each in measured_candidates(tmp_path, "forget05", "float32")] == ["npo at 1"]
    assert measured_candidates(tmp_path, "forget05", "bfloat16") == []
