import pytest

from lethe.offline.adapter_training.settings import AdapterTrainingSettings
from lethe.offline.recovery.settings import RefreshSettings, RollbackSettings
from lethe.offline.settings import SettingsError, settings_from


def test_what_is_not_given_is_as_by_default():
    given = {"rank": 4, "target_modules": None, "dtype": "float32"}
    assert settings_from(AdapterTrainingSettings, given) == AdapterTrainingSettings(rank=4, dtype="float32")


@pytest.mark.parametrize(
    ("model", "given", "message"),
    [
        (AdapterTrainingSettings, {"rank": 0}, "rank: Input should be greater than 0, not 0"),
        (AdapterTrainingSettings, {"tsallis_q": float("nan")}, "tsallis_q: .* greater than 0, not nan"),
        (AdapterTrainingSettings, {"retention_weight": -1}, "retention_weight: .* equal to 0, not -1"),
        (AdapterTrainingSettings, {"entropy_quantile": 1.5}, "entropy_quantile: .* equal to 1, not 1.5"),
        (AdapterTrainingSettings, {"max_tokens": 7}, "max_tokens: .* equal to 8, not 7"),
        (AdapterTrainingSettings, {"target_modules": ()}, "target_modules: .* at least 1 item"),
        (
            AdapterTrainingSettings,
            {"forgetting": "sleep"},
            "forgetting: no forgetting loss 'sleep'; there are npo, ",
        ),
        (AdapterTrainingSettings, {"dtype": "int8"}, "dtype: .* 'bfloat16' or 'float32', not 'int8'"),
        (AdapterTrainingSettings, {"ranks": 4}, "ranks: Extra inputs are not permitted"),
        (RollbackSettings, {"shares": ()}, "shares: .* at least 1 item"),
        (RollbackSettings, {"strengths": (0.5, 1.5)}, "strengths.1: .* equal to 1, not 1.5"),
        (RollbackSettings, {"keep": -0.1}, "keep: .* equal to 0, not -0.1"),
        (RefreshSettings, {"optimizer": "lion"}, "optimizer: .* 'adamw' or 'sgd', not 'lion'"),
        (RefreshSettings, {"steps": 0}, "steps: .* greater than 0, not 0"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_its_name(model, given, message):
    with pytest.raises(SettingsError, match=f"^{message}"):
        settings_from(model, given)


def test_what_only_saves_time_or_memory_is_not_in_the_digest():
    whole = AdapterTrainingSettings()
    assert AdapterTrainingSettings(checkpoint_steps=1, gradient_checkpointing=True).digest == whole.digest
    assert AdapterTrainingSettings(seed=1).digest != whole.digest
