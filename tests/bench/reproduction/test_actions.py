import pytest

from bench.reproduction import tofu
from bench.reproduction.actions import ActionComparison, Comparison, write_actions_page
from bench.reproduction.alter import AlterRecipe
from bench.reproduction.measured import write_measured
from bench.reproduction.tofu import TofuReproduction
from bench.reproduction.tofu_models import TofuRecipe
from lethe.offline.adapter_training.settings import AdapterTrainingSettings
from lethe.offline.evaluation.results import Result
from lethe.offline.training.fine_tuning import FineTuningSettings


@pytest.mark.slow
def test_actions_are_compared_whole_and_rounded_and_a_run_goes_on(
    data, tiny_model_folder, tmp_path, monkeypatch
):
    small = tofu._SEARCHED.model_copy(update={"functions": ("flip_sign_top_k",), "dims": (8,)})
    monkeypatch.setattr(tofu, "_SEARCHED", small)
    recipe = TofuRecipe(
        forget_sets=("forget01",),
        retain_questions=1,
        searched_questions=2,
        utility_questions=2,
        answer_tokens=4,
        fine_tuning=FineTuningSettings(epochs=1, learning_rate=1e-2),
        alter={"forget01": AlterRecipe(AdapterTrainingSettings(rank=2, epochs=1))},
        ordinary_questions=20,
    )
    lines = []
    run = TofuReproduction(recipe, tiny_model_folder, data, tmp_path / "work", lines.append)
    comparison = ActionComparison(run, Comparison(by_oracle=True, sampled=1, drawn=2, bits=(None, 4)))
    *_, results = comparison.measure()
    assert [result.model for result in results] == [
        "retain", "original", "refuse", "corrupt", "adapter", "adapter+corrupt",
        "original, 4 bits", "corrupt, 4 bits", "adapter, 4 bits", "adapter+corrupt, 4 bits",
    ]  # fmt: skip
    scores = {result.model: result.scores for result in results}
    assert scores["retain"]["forget quality (p)"] == 1.0
    assert scores["refuse"]["ROUGE-L"] == 0.0
    assert "probability" not in scores["refuse"]
    assert "membership by Min-K%++ (AUC)" in scores["corrupt"]
    assert scores["corrupt"]["model utility"] == scores["original"]["model utility"]
    low, high = results[-1].intervals["model utility"]
    assert low <= scores["adapter+corrupt, 4 bits"]["model utility"] <= high
    assert scores["original, 4 bits"]["probability"] != scores["original"]["probability"]

    lines.clear()
    assert list(comparison.measure())[-1] == results
    assert comparison.measured() == results
    assert not [line for line in lines if "epoch" in line or "candidates" in line]

    page = tmp_path / "docs" / "page.md"
    write_actions_page(page, [comparison])
    text = page.read_text()
    assert "| score | retain | original | corrupt | adapter | adapter+corrupt | refuse |" in text
    assert "| score | original, 4 bits | corrupt, 4 bits |" in text
    assert (page.parent / "figures" / "actions-forget01.png").is_file()


def test_what_no_model_learned_is_held_out_and_what_is_near_was_learned(data, tiny_model_folder, tmp_path):
    recipe = TofuRecipe(forget_sets=("forget01",), retain_questions=1)
    run = TofuReproduction(recipe, tiny_model_folder, data, tmp_path)
    asked = ActionComparison(run, Comparison()).questions
    assert [each.question for each in asked.near] == ["What is the first novel of Per Haldorsen?"]
    assert [each.question for each in asked.holdout] == ["What is the birthplace of Per Haldorsen?"]


def test_of_a_sample_every_run_asks_the_same(data, tiny_model_folder, tmp_path):
    recipe = TofuRecipe(forget_sets=("forget01",), retain_questions=2)
    run = TofuReproduction(recipe, tiny_model_folder, data, tmp_path)
    every = ActionComparison(run, Comparison()).questions
    sample = ActionComparison(run, Comparison(questions=1)).questions
    assert len(sample.forget) == len(sample.near) == 1
    assert sample.forget[0] in every.forget
    assert ActionComparison(run, Comparison(questions=1)).questions == sample


def test_a_page_keeps_the_sections_of_other_sets(data, tiny_model_folder, tmp_path):
    run = TofuReproduction(TofuRecipe(forget_sets=("forget01",)), tiny_model_folder, data, tmp_path)
    comparison = ActionComparison(run, Comparison())
    result = Result(
        "exposure", "original", {"ROUGE-L": 0.25, "answers of the asked form": 1.0}, {}, ["No.", "Never."]
    )
    write_measured([result], tmp_path / "results" / f"{comparison.comparison.results}-whole", "float32")
    page = tmp_path / "docs" / "page.md"
    page.parent.mkdir()
    other = "## forget05\n\n`make it so`\n\n| a | b |\n\n### forget05, rounded weights\n\nNone.\n"
    page.write_text(f"# Old head\n\n## forget01\n\nof old\n\n{other}")
    for _ in range(2):
        write_actions_page(page, [comparison], "--forget forget01")
        text = page.read_text()
        assert text.endswith(f"\n\n{other}")
        assert text.count('## forget01\n\n`make reproduce-actions ARGS="--forget forget01"`') == 1
        assert "passes in float32" in text
        assert "of old" not in text
        assert "Old head" not in text
