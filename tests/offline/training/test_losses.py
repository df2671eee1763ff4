import math

import pytest
import torch

from lethe.offline.training.losses import LOSSES, fine_tuning, gradient_ascent, negative_preference

ANSWERS = torch.tensor([-2.0, -4.0])
TOKENS = torch.tensor([2, 4])


def test_fine_tuning_is_the_loss_per_token_and_ascent_its_negative():
    assert fine_tuning(ANSWERS, ANSWERS, TOKENS).item() == pytest.approx(1.0)
    assert gradient_ascent(ANSWERS, ANSWERS, TOKENS).item() == pytest.approx(-1.0)


def test_negative_preference_at_the_reference_is_two_log_two_over_beta():
    assert negative_preference(ANSWERS, ANSWERS, TOKENS, beta=0.1).item() == pytest.approx(20 * math.log(2))


def test_negative_preference_by_hand():
    # ratio 1: 2 / 0.5 * log(1 + exp(0.5))
    loss = negative_preference(torch.tensor([-1.0]), torch.tensor([-2.0]), TOKENS[:1], beta=0.5)
    assert loss.item() == pytest.approx(4 * math.log(1 + math.exp(0.5)))


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_of_no_answer_a_loss_is_zero_and_has_a_gradient(loss):
    scores = torch.tensor([-3.0], requires_grad=True)
    nothing = torch.tensor([], dtype=torch.long)
    value = loss(scores[nothing], scores[nothing].detach(), nothing)
    value.backward()
    assert value.item() == 0.0
    assert scores.grad is not None
    assert scores.grad.item() == 0.0


def test_negative_preference_pushes_less_the_more_is_forgotten():
    def push(answer: float) -> float:
        answers = torch.tensor([answer], requires_grad=True)
        negative_preference(answers, torch.tensor([0.0]), TOKENS[:1]).backward()
        assert answers.grad is not None
        return answers.grad.item()

    assert push(0.0) == pytest.approx(1.0)
    assert 0 < push(-100.0) < 1e-3
