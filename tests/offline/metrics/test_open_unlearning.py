"""OpenUnlearning's own code (MIT) beside ours, on ten questions of TOFU's forget01 and SmolLM2-135M-Instruct in float32.

The file has what its metrics and attacks gave for each answer at the commit it names, question and answer in its plain template, and what
the same model says of the answers' tokens, the end-of-text token last, which its memorization and Min-K leave out.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lethe.offline.metrics.extraction import exact_memorization, extraction_strength
from lethe.offline.metrics.membership import loss_score, min_k_plus_plus_score, zlib_score
from lethe.offline.metrics.privacy import min_k_score
from lethe.offline.metrics.probability import answer_probability

Item = dict[str, Any]
# By its name, ours on one answer, and how far the two differ at most, relatively. Its cross-entropy runs in float32.
METRICS: dict[str, tuple[Callable[[Item], float], float]] = {
    "exact_memorization": (lambda item: exact_memorization(item["greedy"][:-1]), 1e-7),
    "extraction_strength": (lambda item: extraction_strength(item["greedy"][:-1]), 1e-7),
    "probability": (lambda item: answer_probability(item["log_probabilities"]), 2e-4),
    "loss": (lambda item: -loss_score(item["log_probabilities"]), 2e-4),
    "zlib": (lambda item: -zlib_score(item["log_probabilities"], item["text"]), 2e-4),
    "min_k": (lambda item: -min_k_score(item["log_probabilities"][:-1], 0.4), 1e-5),
    "min_k++": (
        lambda item: (
            -min_k_plus_plus_score(
                *(item[name][:-1] for name in ("log_probabilities", "means", "variances")), fraction=0.2
            )
        ),
        1e-5,
    ),
}


@pytest.fixture(scope="module")
def run() -> dict[str, Any]:
    return json.loads((Path(__file__).parent / "published" / "open_unlearning_smollm2.json").read_text())


@pytest.mark.parametrize("name", METRICS)
def test_every_answer_gets_the_same_figure(run: dict[str, Any], name: str) -> None:
    ours, tolerance = METRICS[name]
    theirs = run["results"][name]
    assert len(set(theirs)) > 3
    np.testing.assert_allclose([ours(item) for item in run["items"]], theirs, rtol=tolerance)
