"""TOFU's published evaluation logs of Llama-2-7B (weight decay 0.01), numbers only, from its public repository (MIT).

The expected aggregates are what the repository's own ``aggregate_eval_stat.py`` gives for these logs.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from lethe.offline.metrics.forget_quality import forget_quality
from lethe.offline.metrics.model_utility import UtilityScores, model_utility
from lethe.offline.metrics.probability import normalized_probability
from lethe.offline.metrics.truth_ratio import truth_ratio, truthfulness


@pytest.fixture(scope="module")
def logs():
    return json.loads((Path(__file__).parent / "published" / "tofu_llama2_7b_logs.json").read_text())


@pytest.mark.parametrize("name", ["retain", "real_authors", "world_facts", "forget"])
def test_truth_ratio_of_every_question(logs, name):
    log = logs["retain99"][name]
    ours = [
        truth_ratio(-paraphrased, [-loss for loss in perturbed])
        for paraphrased, perturbed in zip(log["paraphrased_loss"], log["perturbed_loss"], strict=True)
    ]
    np.testing.assert_allclose(ours, log["truth_ratio"], rtol=1e-5)


def test_forget_quality_of_the_original_against_retain90(logs):
    quality = forget_quality(logs["full"]["forget"]["truth_ratio"], logs["retain90"]["forget"]["truth_ratio"])
    assert quality.p_value == pytest.approx(1.834066410994743e-21, rel=1e-6)
    assert quality.statistic == pytest.approx(0.39666666666666667)


def test_model_utility_of_retain99(logs):
    def scores(name):
        log = logs["retain99"][name]
        true = np.exp(-np.array(log["answer_loss"]))
        wrong = np.exp(-np.array(log["perturbed_loss"]))
        shares = (
            true
            if name == "retain"
            else [normalized_probability(t, w) for t, w in zip(true, wrong, strict=True)]
        )
        return UtilityScores(
            probability=float(np.mean(shares)),
            rouge_l=float(np.mean(log["rouge_l_recall"])),
            truthfulness=float(np.mean([truthfulness(ratio) for ratio in log["truth_ratio"]])),
        )

    sets = {name: scores(name) for name in ("retain", "real_authors", "world_facts")}
    assert sets["retain"].truthfulness == pytest.approx(0.46464123602508, rel=1e-5)
    assert sets["world_facts"].probability == pytest.approx(0.4121698587450819, rel=1e-5)
    assert sets["real_authors"].rouge_l == pytest.approx(0.928, rel=1e-5)
    assert model_utility(sets) == pytest.approx(0.6207444755970777, rel=1e-5)
