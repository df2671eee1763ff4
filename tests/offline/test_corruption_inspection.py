from pathlib import Path

import numpy as np
import pytest

from lethe.corruption.artifact import Corruption
from lethe.offline.corruption_inspection import Inspection, inspect_corruption, plot_inspection


@pytest.fixture(scope="module")
def inspection(small_model: Path) -> Inspection:
    corruption = Corruption("rand_noise_first_n", 1.0, 16, seed=3, positions="user_content")
    return inspect_corruption(small_model, corruption, "Who is Harry Potter?", top=5)


def test_only_selected_tokens_are_touched(inspection: Inspection) -> None:
    touched = [token for token, touched in zip(inspection.tokens, inspection.touched, strict=True) if touched]
    assert "".join(touched) == "Who is Harry Potter?"
    assert np.array_equal(inspection.shift > 0, inspection.touched)


def test_predictions_diverge_from_the_first_touched_token_on(inspection: Inspection) -> None:
    first = int(np.flatnonzero(inspection.touched)[0])
    assert inspection.divergence[:first] == pytest.approx(np.zeros(first), abs=1e-9)
    assert inspection.divergence[-1] > 0


def test_next_tokens_are_the_likeliest_of_either(inspection: Inspection) -> None:
    assert 5 <= len(inspection.next_tokens) <= 10
    largest = [max(token.clean, token.corrupted) for token in inspection.next_tokens]
    assert largest == sorted(largest, reverse=True)


def test_zero_strength_changes_nothing(small_model: Path) -> None:
    inspection = inspect_corruption(
        small_model, Corruption("rand_noise_first_n", 0.0, 16), "Hello", plain=True
    )
    assert not inspection.touched.any()
    assert inspection.divergence.max() == 0


def test_the_heat_map_is_a_picture(inspection: Inspection, tmp_path: Path) -> None:
    plot_inspection(inspection, tmp_path / "map.png")
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")
