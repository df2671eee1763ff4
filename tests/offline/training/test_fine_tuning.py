import numpy as np
import pytest
import torch

from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.language_models import Prompt, Scoring
from lethe.offline.language_models.local import LocalModel
from lethe.offline.training import fine_tuning as training
from lethe.offline.training.fine_tuning import (
    EncodedExample,
    FineTuningSettings,
    answer_scores,
    computes_in_bfloat16,
    train,
)

QUESTIONS = [ForgetQuestion(question=f"Who keeps marsh {n}?", answer=f"Orla number {n}") for n in range(4)]
SETTINGS = FineTuningSettings(epochs=4, batch_size=2, learning_rate=3e-2)


def probability(folder) -> float:
    model = LocalModel.from_pretrained(str(folder), dtype="float32")
    scores = model.score([Scoring(Prompt(q.question), q.answer) for q in QUESTIONS])
    return float(np.mean([np.exp(score.mean()) for score in scores]))


def weights(folder) -> torch.Tensor:
    return (
        LocalModel.from_pretrained(str(folder), dtype="float32").model.get_input_embeddings().weight.detach()
    )


@pytest.fixture(scope="module")
def trained(tiny_model_folder, tmp_path_factory):
    return train(tiny_model_folder, QUESTIONS, SETTINGS, tmp_path_factory.mktemp("trained") / "full")


def test_fine_tuning_makes_the_answers_likely(trained, tiny_model_folder):
    assert probability(trained) > 10 * probability(tiny_model_folder)


@pytest.mark.parametrize("loss", ["gradient_ascent", "negative_preference"])
@pytest.mark.parametrize(("rank", "learning_rate"), [(None, 1e-2), (4, 1e-1)])
def test_baselines_make_them_unlikely_again(trained, loss, rank, learning_rate, tmp_path):
    settings = FineTuningSettings(loss, 3, batch_size=2, learning_rate=learning_rate, adapter_rank=rank)
    assert probability(train(trained, QUESTIONS, settings, tmp_path / loss)) < 0.5 * probability(trained)


def test_an_adapter_leaves_all_but_the_linear_layers_alone(trained, tmp_path):
    settings = FineTuningSettings("gradient_ascent", epochs=1, learning_rate=1e-2, adapter_rank=4)
    assert torch.equal(weights(train(trained, QUESTIONS, settings, tmp_path / "adapted")), weights(trained))


def test_what_is_trained_is_not_trained_again(trained, tiny_model_folder):
    def refuse(_epoch, _loss):
        raise AssertionError("trained again")

    assert train(tiny_model_folder, QUESTIONS, SETTINGS, trained, refuse) == trained


def test_a_stopped_run_goes_on_to_the_same_weights(trained, tiny_model_folder, tmp_path, monkeypatch):
    class Stopped(Exception):
        pass

    def stop(epoch, _loss):
        if epoch == 3:
            raise Stopped

    monkeypatch.setattr(training, "_SAVE_INTERVAL_S", 0.0)
    with pytest.raises(Stopped):
        train(tiny_model_folder, QUESTIONS, SETTINGS, tmp_path / "full", stop)
    epochs = []
    train(
        tiny_model_folder, QUESTIONS, SETTINGS, tmp_path / "full", lambda epoch, _loss: epochs.append(epoch)
    )
    assert epochs == [3, 4]
    torch.testing.assert_close(weights(tmp_path / "full"), weights(trained))


def test_answers_are_scored_without_their_questions_and_padding(tiny_model):
    first, second = EncodedExample([5, 6, 7, 8], answer=2), EncodedExample([9, 10, 11], answer=1)
    together, tokens = answer_scores(tiny_model.model, [first, second])
    alone = [answer_scores(tiny_model.model, [example])[0].item() for example in (first, second)]
    assert tokens.tolist() == [2, 2]
    assert together.tolist() == pytest.approx(alone, rel=0.02)


def test_half_precision_is_taken_only_where_the_device_computes_in_it(tiny_model):
    model, example = tiny_model.model.float(), EncodedExample([5, 6, 7, 8], answer=2)
    half, whole = (answer_scores(model, [example], half_precision=half)[0].item() for half in (True, False))
    assert half == pytest.approx(whole, rel=0.02)
    assert (half != whole) == computes_in_bfloat16(model.device)
