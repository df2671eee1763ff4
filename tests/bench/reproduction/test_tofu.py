from dataclasses import replace

import pytest

from bench.reproduction import tofu
from bench.reproduction.alter import AlterRecipe
from bench.reproduction.alter_tuning import (
    choose_and_keep,
    measure_candidate,
    measure_references,
    tuning_folder,
)
from bench.reproduction.report import described_adapter, write_page
from bench.reproduction.tofu import TofuReproduction
from bench.reproduction.tofu_models import TofuRecipe
from lethe.bundle import load_bundle
from lethe.offline.adapter_training.settings import AdapterTrainingSettings
from lethe.offline.evaluation.results import read_results, write_results
from lethe.offline.training.fine_tuning import FineTuningSettings


@pytest.mark.slow
def test_the_comparison_by_oracle_labels_runs_and_resumes(data, tiny_model_folder, tmp_path, monkeypatch):
    small = tofu._SEARCHED.model_copy(update={"functions": ("flip_sign_top_k",), "dims": (2, 8)})
    monkeypatch.setattr(tofu, "_SEARCHED", small)
    short = FineTuningSettings(epochs=1, learning_rate=1e-2)
    recipe = TofuRecipe(
        forget_sets=("forget01",),
        retain_questions=8,
        searched_questions=2,
        utility_questions=2,
        answer_tokens=4,
        fine_tuning=short,
        baselines={"npo-lora": replace(short, loss="negative_preference", adapter_rank=2)},
        alter={"forget01": AlterRecipe(AdapterTrainingSettings(rank=2, epochs=1))},
        ordinary_questions=20,
    )
    run = TofuReproduction(recipe, tiny_model_folder, data, tmp_path / "work")
    *_, results = run.measure("forget01", classifier=False)
    assert [result.model for result in results] == [
        "retain", "original", "ECO, oracle labels", "npo-lora", "ALTER, on every question",
    ]  # fmt: skip
    scores = {result.model: result.scores for result in results}
    assert scores["retain"]["forget quality (p)"] == 1.0
    assert scores["ECO, oracle labels"]["model utility"] == scores["original"]["model utility"]
    assert load_bundle(run.bundle("forget01")).models[0].corruption

    lines = []
    again = TofuReproduction(recipe, tiny_model_folder, data, tmp_path / "work", lines.append)
    assert list(again.measure("forget01", classifier=False))[-1] == results
    kept = tmp_path / "work" / "results" / "forget01-corruption" / "results.json"
    assert [result.model for result in read_results(kept)] == ["retain", "original", "ECO, oracle labels"]
    assert not [line for line in lines if "epoch" in line or "candidates" in line]

    page = tmp_path / "docs" / "reproduction-tofu.md"
    page.parent.mkdir()
    other = "## forget05\n\n`make it so`\n\nKept.\n"
    page.write_text(f"# Old head\n\n{other}")
    write_page(page, run, ["forget01"], "--forget forget01 --oracle")
    text = page.read_text()
    assert '## forget01\n\n`make reproduce-tofu ARGS="--forget forget01 --oracle"`' in text
    assert "| score | retain | original | ECO, oracle labels | npo-lora | ALTER, on every question |" in text
    assert "| forget quality (p) | 1 |" in text
    assert text.endswith(f"\n\n{other}")
    assert "Old head" not in text
    assert (page.parent / "figures" / "tofu-forget01.png").is_file()


@pytest.mark.slow
def test_an_adapter_is_tuned_and_what_is_measured_then_has_it(data, tiny_model_folder, tmp_path):
    settings = AdapterTrainingSettings(rank=2, epochs=1, forgetting="self_distillation")
    recipe = TofuRecipe(
        forget_sets=("forget01",),
        retain_questions=8,
        answer_tokens=4,
        fine_tuning=FineTuningSettings(epochs=1, learning_rate=1e-2),
        alter={"forget01": AlterRecipe(settings)},
        alter_candidates={"forget01": {"plain": AlterRecipe(settings), "worded": AlterRecipe(settings, 2)}},
        ordinary_questions=20,
    )
    run = TofuReproduction(recipe, tiny_model_folder, data, tmp_path / "work", lambda _line: None)
    measure_references(run, "forget01")
    scales = [
        result.model for name in ("plain", "worded") for result in measure_candidate(run, "forget01", name)
    ]
    assert scales[0] == "plain at 1"
    folder = tuning_folder(run.work, "forget01", run.dtype) / "plain"
    whole = read_results(folder / "results.json")
    assert "forget ROUGE-L" not in whole[0].scores
    write_results(whole[:1], folder)
    assert measure_candidate(run, "forget01", "plain") == whole
    choice = choose_and_keep(run, "forget01")
    assert run.alter("forget01") == (recipe.alter_candidates["forget01"][choice.name], choice.scale)
    *_, results = run.measure("forget01", classifier=False, parts=["adapter"])
    assert [result.model for result in results] == ["retain", "ALTER, on every question"]

    page = tmp_path / "docs" / "reproduction-tofu.md"
    write_page(page, run, ["forget01"])
    assert f"`{choice.name}` at {choice.scale:g}" in page.read_text()
    assert page.read_text().count("| worded | ") == page.read_text().count("| plain | ") == 4


def test_recipes_that_train_otherwise_share_no_models():
    recipe = TofuRecipe()
    assert replace(recipe, retain_questions=7).digest != recipe.digest
    assert replace(recipe, searched_questions=3, utility_questions=None).digest == recipe.digest


def test_an_adapter_is_described_by_what_it_is_trained_with():
    candidates = TofuRecipe().alter_candidates["forget05"]
    assert "NPO with beta 0.03, 8 epochs" in described_adapter(candidates["npo"], 1.0)
    assert "self-distillation" in described_adapter(candidates["margin"], 1.0)
    described = described_adapter(candidates["corruption-short"], 0.8)
    assert described.endswith("by the corruption, 2 epochs at 0.003, scaled by 0.8")
    earlier = TofuRecipe().alter_candidates["forget10"]["earlier-short"]
    assert described_adapter(earlier, 1.0).endswith("1 epochs at 0.003, over an A as it was drawn")


def test_models_that_learn_in_fewer_epochs_are_others():
    recipe = TofuRecipe().learned_in(3)
    assert recipe.fine_tuning.epochs == 3
    assert recipe.digest != TofuRecipe().digest
