"""The forgetting losses that read whole distributions."""

import pytest
import torch

from lethe.offline.adapter_training.forgetting import FORGETTING_LOSSES, AnswerScores
from lethe.offline.adapter_training.settings import AdapterTrainingSettings

_SETTINGS = AdapterTrainingSettings(logit_margin=2.0)


def scores(changed: torch.Tensor, base: torch.Tensor) -> AnswerScores:
    """Of one text with two places, at which token 0 and token 1 stand."""
    nothing = torch.zeros(1)
    return AnswerScores(nothing, nothing, torch.tensor([2]), changed, base, torch.tensor([0, 1]))


@pytest.fixture
def base() -> torch.Tensor:
    return torch.tensor([[3.0, 0.0, -1.0], [0.5, 4.0, 0.0]]).log_softmax(dim=1)


def test_self_distillation_ends_where_the_true_tokens_are_a_margin_less_likely(base: torch.Tensor) -> None:
    loss = FORGETTING_LOSSES["self_distillation"].compute
    lowered = (base - torch.tensor([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]])).log_softmax(dim=1)
    assert float(loss(scores(lowered, base), _SETTINGS)) == pytest.approx(0.0, abs=1e-6)
    # KL of (e, 1, 1/e) / Z from (e^3, 1, 1/e) / Z, and of (e^0.5, e^2, 1) / Z from (e^0.5, e^4, 1) / Z, by hand.
    assert float(loss(scores(base, base), _SETTINGS)) == pytest.approx(0.29828, abs=1e-4)


def test_the_corruption_loss_ends_where_the_distributions_are_those_behind_the_corrupted_question(
    base: torch.Tensor,
) -> None:
    loss = FORGETTING_LOSSES["corruption"].compute
    assert float(loss(scores(base, base), _SETTINGS)) == pytest.approx(0.0, abs=1e-6)
    assert float(loss(scores(base.flip(1), base), _SETTINGS)) > 0.5
