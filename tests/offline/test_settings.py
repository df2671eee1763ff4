import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pydantic
import pytest

from lethe.bundle import BundleError
from lethe.offline.adapter_training.forgetting import FORGETTING_LOSSES
from lethe.offline.adapter_training.settings import AdapterJob, AdapterTrainingSettings, ForgettingName
from lethe.offline.classifier_training.settings import ClassifierJob
from lethe.offline.corruption_learning.settings import LearningJob, LearningSettings
from lethe.offline.data.files import first_fault
from lethe.offline.recovery.settings import RefreshSettings, RollbackSettings


@pytest.mark.parametrize(
    ("model", "given", "message"),
    [
        (AdapterTrainingSettings, {"rank": 0}, "rank: Input should be greater than 0, not 0"),
        (AdapterTrainingSettings, {"tsallis_q": float("nan")}, "tsallis_q: .* greater than 0, not nan"),
        (AdapterTrainingSettings, {"retention_weight": -1}, "retention_weight: .* equal to 0, not -1"),
        (AdapterTrainingSettings, {"entropy_quantile": 1.5}, "entropy_quantile: .* equal to 1, not 1.5"),
        (AdapterTrainingSettings, {"max_tokens": 7}, "max_tokens: .* equal to 8, not 7"),
        (AdapterTrainingSettings, {"target_modules": ()}, "target_modules: .* at least 1 item"),
        (AdapterTrainingSettings, {"forgetting": "sleep"}, "forgetting: .* 'npo', .*, not 'sleep'"),
        (AdapterTrainingSettings, {"dtype": "int8"}, "dtype: .* 'bfloat16' or 'float32', not 'int8'"),
        (AdapterTrainingSettings, {"ranks": 4}, "ranks: Extra inputs are not permitted"),
        (LearningSettings, {"functions": ("wish",)}, "functions.0: unknown corruption function 'wish'"),
        (LearningSettings, {"functions": ()}, "functions: .* at least 1 item"),
        (LearningSettings, {"surrogate": ["leak_rate"]}, "surrogate: a value is given as NAME=VALUE"),
        (LearningSettings, {"surrogate": ["leak_rate=low"]}, "surrogate.leak_rate: .* valid number"),
        (LearningSettings, {"positions": "entities"}, "positions.0: .* 'all_but_last' or 'user_content'"),
        (RollbackSettings, {"shares": ()}, "shares: .* at least 1 item"),
        (RollbackSettings, {"strengths": (0.5, 1.5)}, "strengths.1: .* equal to 1, not 1.5"),
        (RollbackSettings, {"keep": -0.1}, "keep: .* equal to 0, not -0.1"),
        (RefreshSettings, {"optimizer": "lion"}, "optimizer: .* 'adamw' or 'sgd', not 'lion'"),
        (RefreshSettings, {"steps": 0}, "steps: .* greater than 0, not 0"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_its_name(model, given, message):
    with pytest.raises(pydantic.ValidationError) as refused:
        model(**given)
    assert re.match(message, first_fault(refused.value))


def test_a_name_that_no_target_can_have_is_refused_with_one_that_would_do():
    with pytest.raises(BundleError, match="marsh-lights would do"):
        LearningJob(target="Marsh Lights", questions=Path("questions.jsonl"))


def test_values_by_name_are_given_as_texts_or_as_they_are():
    assert LearningSettings.model_validate({"surrogate": ["leak_rate=0.5"]}).surrogate == {"leak_rate": 0.5}
    assert LearningSettings(surrogate={"leak_rate": 0.5}).surrogate == {"leak_rate": 0.5}


def test_where_a_job_keeps_its_things_follows_from_its_target(tmp_path, monkeypatch):
    monkeypatch.setenv("LETHE_CACHE_DIR", str(tmp_path))
    adapter = AdapterJob(target="marsh", forget=("f",), retain=Path("r"), model="m")
    assert adapter.bundle == Path("targets/marsh")
    assert adapter.bank_file == tmp_path / "adapters" / "marsh" / "bank.safetensors"
    learning = LearningJob(target="marsh", targets=tmp_path, questions=Path("q"))
    assert learning.trace == tmp_path / ".marsh-huggingfacetb-smollm2-135m-instruct-search.jsonl"
    classifier = ClassifierJob(target="marsh", forget=("f",), retain=("r",))
    assert (classifier.output, classifier.report) == (Path("targets/marsh"), Path("reports/marsh"))


def test_what_only_saves_time_or_memory_is_not_in_the_digest():
    whole = AdapterTrainingSettings()
    elsewhere = AdapterTrainingSettings(
        checkpoint_steps=1, gradient_checkpointing=True, work=Path("w"), bank=Path("b")
    )
    job = AdapterJob(target="marsh", forget=("f",), retain=Path("r"), model="m")
    assert elsewhere.digest == job.digest == whole.digest
    assert AdapterTrainingSettings(seed=1).digest != whole.digest


def test_every_forgetting_loss_can_be_named():
    assert set(get_args(ForgettingName)) == FORGETTING_LOSSES.keys()


@pytest.mark.parametrize(
    "job", ["adapter_training", "classifier_training", "corruption_learning", "recovery"]
)
def test_settings_load_nothing_that_is_slow_to_import(job):
    module = f"lethe.offline.{job}.settings"
    script = f"import sys, {module}; print(sorted({{'torch', 'transformers', 'sklearn', 'onnxruntime', 'numpy'}} & sys.modules.keys()))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
