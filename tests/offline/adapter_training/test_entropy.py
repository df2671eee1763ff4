"""Tsallis entropy, and which tokens count as high and low in it."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lethe.offline.adapter_training.entropy import (
    MarkedText,
    entropy_file,
    entropy_threshold,
    measure_entropies,
    read_entropies,
    tsallis_entropy,
    write_entropies,
)
from lethe.offline.adapter_training.texts import SourceText, TrainingText, tokenize_texts

LOGITS = st.lists(st.floats(-8, 8, allow_nan=False, width=32), min_size=2, max_size=12)
Q = st.floats(0.5, 4.0).filter(lambda q: abs(q - 1) > 0.05)


@given(logits=LOGITS, q=Q)
def test_entropy_lies_between_a_sure_and_an_even_choice(logits: list[float], q: float) -> None:
    n = len(logits)
    value = tsallis_entropy(torch.tensor(logits), q).item()
    most = (1 - n ** (1 - q)) / (q - 1)
    assert -1e-4 <= value <= most + 1e-4
    assert tsallis_entropy(torch.zeros(n), q).item() == pytest.approx(most, abs=1e-4)


@given(logits=LOGITS)
def test_near_one_it_is_shannons(logits: list[float]) -> None:
    tensor = torch.tensor(logits)
    p = tensor.double().softmax(0)
    shannon = -(p * p.log()).sum().item()
    assert tsallis_entropy(tensor, 1.0).item() == pytest.approx(shannon, abs=1e-4)
    assert tsallis_entropy(tensor, 1.001).item() == pytest.approx(shannon, abs=0.02)


def test_at_two_it_is_the_chance_that_two_draws_differ() -> None:
    logits = torch.tensor([[0.7, 0.3], [0.5, 0.5]]).log()
    torch.testing.assert_close(tsallis_entropy(logits, 2.0), torch.tensor([0.42, 0.5]))


def test_marks_follow_the_threshold() -> None:
    text = TrainingText((9,) * 10, question=(2, 5), answer=(6, 9))
    entropy = np.array([0, 0, 0.9, 0.1, 0.9, 0.9, 0.1, 0.5, 0.9, 0.9], dtype=np.float32)
    marked = MarkedText(text, entropy, threshold=0.5)
    assert np.flatnonzero(marked.high).tolist() == [2, 4, 8]
    assert np.flatnonzero(marked.low_answer).tolist() == [6, 7]


@given(
    # Far enough apart for a quantile in single precision to fall between them.
    entropies=st.lists(st.integers(0, 1024).map(lambda n: n / 1024), min_size=6, max_size=40),
    quantile=st.floats(0, 1),
)
def test_the_quantile_is_the_share_of_low_answer_tokens(entropies: list[float], quantile: float) -> None:
    text = TrainingText((1,) * len(entropies), (1, 1), (2, len(entropies)))
    entropy = np.array(entropies, dtype=np.float32)
    marked = MarkedText(text, entropy, entropy_threshold([text], [entropy], quantile))
    low, high = marked.low_answer, marked.high
    assert not (low & high).any()
    assert np.array_equal(low | high, marked.answer)
    if len(set(entropies)) == len(entropies):
        assert low.sum() == pytest.approx(quantile * marked.answer.sum(), abs=1)


def test_a_token_has_the_entropy_of_what_was_expected_before_it(tiny_model) -> None:
    texts = tokenize_texts(
        [SourceText("Orla keeps it.", "Who keeps the marsh?"), SourceText("A bell drowned in the fens.")],
        tiny_model.encoder,
        max_tokens=64,
    )
    device = tiny_model.model.device
    found = measure_entropies(tiny_model.model, texts, 2.0, device)
    for text, entropy in zip(texts, found, strict=True):
        token_ids = torch.tensor([text.token_ids], device=device)
        with torch.no_grad():
            expected = tsallis_entropy(tiny_model.model(input_ids=token_ids).logits[0, :-1], 2.0).cpu()
        assert entropy[0] == 0
        np.testing.assert_allclose(entropy[1:], expected.numpy(), atol=1e-5)
    assert math.isfinite(sum(float(entropy.sum()) for entropy in found))


def test_kept_entropies_belong_to_their_texts_model_and_q(tmp_path: Path) -> None:
    texts = [TrainingText((1, 2, 3), (1, 1), (1, 3)), TrainingText((4, 5), (1, 1), (1, 2))]
    path = entropy_file(tmp_path, texts, "weights", "bfloat16", 2.0)
    assert read_entropies(path, texts) is None

    write_entropies(path, [np.array([0, 0.1, 0.2], np.float32), np.array([0, 0.3], np.float32)])

    first, second = read_entropies(path, texts) or ()
    assert first.tolist() == pytest.approx([0, 0.1, 0.2])
    assert second.tolist() == pytest.approx([0, 0.3])
    others = [
        entropy_file(tmp_path, texts[:1], "weights", "bfloat16", 2.0),
        entropy_file(tmp_path, texts, "other weights", "bfloat16", 2.0),
        entropy_file(tmp_path, texts, "weights", "float32", 2.0),
        entropy_file(tmp_path, texts, "weights", "bfloat16", 1.5),
    ]
    assert path not in others
    assert len(set(others)) == 4
