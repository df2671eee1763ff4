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


def test_an_examined_answer_has_the_scores_and_moments_of_a_plain_forward_pass(tiny_model):
    prompt, answer = QUESTIONS[0], "She mends clocks."
    prompt_ids = list(tiny_model.encoder.encode(prompt).token_ids)
    answer_ids = tiny_model.encoder.encode_answer(answer)
    with torch.no_grad():
        logits = tiny_model.model(torch.tensor([prompt_ids + answer_ids])).logits[0]
    before = logits[len(prompt_ids) - 1 : -1].log_softmax(-1)
    [examined] = tiny_model.examine([Scoring(prompt, answer)])
    np.testing.assert_allclose(
        examined.log_probabilities, tiny_model.score([Scoring(prompt, answer)])[0], atol=1e-6
    )
    assert examined.greedy.tolist() == (before.argmax(-1) == torch.tensor(answer_ids)).tolist()
    assert examined.means is not None
    assert examined.variances is not None
    for place, row in enumerate(before):
        mean = (row.exp() * row).sum()
        np.testing.assert_allclose(examined.means[place], mean, rtol=1e-3)
        np.testing.assert_allclose(
            examined.variances[place], (row.exp() * (row - mean) ** 2).sum(), rtol=1e-2, atol=1e-4
        )


def test_what_is_generated_greedily_is_examined_as_greedy(tiny_model):
    [text] = tiny_model.generate([Generation(QUESTIONS[0], 1)])
    [examined] = tiny_model.examine([Scoring(QUESTIONS[0], text)])
    assert examined.greedy[0]


def test_an_answer_that_has_begun_is_gone_on_with_behind_its_beginning(tiny_model):
    [whole] = tiny_model.generate([Generation(QUESTIONS[1], 6)])
    [first] = tiny_model.generate([Generation(QUESTIONS[1], 3)])
    again = tiny_model.generate([Generation(QUESTIONS[1], 3, begun=first)])
    assert [first + rest for rest in again] == [whole]


def test_answers_are_drawn_by_their_seed(tiny_model):
    def drawn(seed, temperature=1.0):
        return tiny_model.generate([Generation(QUESTIONS[0], 8, temperature=temperature, seed=seed)])[0]

    assert drawn(1) == drawn(1)
    assert len({drawn(seed) for seed in range(4)}) > 1
    assert len({drawn(seed, 0.0) for seed in range(4)}) == 1
