import numpy as np
import pytest
import torch

from lethe.corruption.artifact import Corruption
from lethe.offline.language_models import Choice, Generation, LanguageModelError, Prompt, Scoring
from lethe.offline.language_models.local import LocalModel

NOISE = Corruption("rand_noise_first_n", 3.0, 4)
QUESTIONS = [
    Prompt("Who is Orla Quintrell?"),
    Prompt("Why?"),
    Prompt("Name a river in France and its length.", chat=False),
]


def test_scores_are_the_log_softmax_of_a_plain_forward_pass(tiny_model):
    prompt, answer = QUESTIONS[0], "She mends clocks."
    prompt_ids = list(tiny_model.encoder.encode(prompt).token_ids)
    answer_ids = tiny_model.encoder.encode_answer(answer)
    with torch.no_grad():
        token_ids = torch.tensor([prompt_ids + answer_ids], device=tiny_model.model.device)
        logits = tiny_model.model(token_ids).logits[0]
    log_probabilities = logits.log_softmax(-1)
    expected = [
        log_probabilities[len(prompt_ids) - 1 + i, token].item() for i, token in enumerate(answer_ids)
    ]
    np.testing.assert_allclose(tiny_model.score([Scoring(prompt, answer)])[0], expected, atol=1e-4)


def test_a_task_scores_the_same_alone_and_among_others(tiny_model):
    tasks = [Scoring(prompt, "She mends clocks.", c) for prompt in QUESTIONS for c in (None, NOISE)]
    together = tiny_model.score(tasks)
    for task, scores in zip(tasks, together, strict=True):
        np.testing.assert_allclose(scores, tiny_model.score([task])[0], atol=1e-4)


def test_a_task_generates_the_same_alone_and_among_others(tiny_model):
    tasks = [Generation(prompt, 5, c) for prompt in QUESTIONS for c in (None, NOISE)]
    assert tiny_model.generate(tasks) == [tiny_model.generate([task])[0] for task in tasks]


def test_a_corruption_changes_what_is_generated_and_scored(tiny_model):
    clean, corrupted = tiny_model.score([Scoring(QUESTIONS[0], "Yes.", c) for c in (None, NOISE)])
    assert not np.allclose(clean, corrupted, atol=0.05)
    first, second = tiny_model.generate([Generation(QUESTIONS[0], 8, c) for c in (None, NOISE)])
    assert first != second


def test_a_generation_stops_at_its_own_length(tiny_model):
    short, long = tiny_model.generate([Generation(QUESTIONS[0], 2), Generation(QUESTIONS[0], 6)])
    assert long.startswith(short)
    assert len(short) < len(long)


def test_a_choice_agrees_with_scoring_each_option(tiny_model):
    options = ("A", "B", "C", "D")
    chosen = tiny_model.choose([Choice(QUESTIONS[0], options, NOISE)])[0]
    scored = [tiny_model.score([Scoring(QUESTIONS[0], option, NOISE)])[0][0] for option in options]
    np.testing.assert_allclose(chosen, scored, atol=1e-4)


def test_a_folder_without_model_is_refused(tmp_path):
    with pytest.raises(LanguageModelError, match="cannot be loaded"):
        LocalModel.from_pretrained(str(tmp_path))
