"""The installed vLLM on this machine's GPU; `python -m bench.gpu_engine` tries more of it, and measures."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from bench.engine.random_adapters import write_random_adapter
from bench.gpu_engine.correctness import ReferenceAnswers, compare_scenario
from bench.gpu_engine.proof import FAULTS, prove
from bench.gpu_engine.requests import make_batches
from bench.gpu_engine.scenarios import SCENARIOS, Scenario

_SECONDS = 400


pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed"),
    # Asking PyTorch would import it wherever tests are only collected.
    pytest.mark.skipif(which("nvidia-smi") is None, reason="there is no GPU here"),
]


@pytest.fixture(scope="module")
def adapter(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapter") / "adapter"
    return write_random_adapter(small_model, folder, rank=8, scale=0.2, layers=("q_proj", "v_proj"))


@pytest.fixture(scope="module")
def answers(small_model: Path, adapter: Path) -> ReferenceAnswers:
    return ReferenceAnswers.load(small_model, adapter)


@pytest.fixture(scope="module")
def batches(answers: ReferenceAnswers, adapter: Path) -> Mapping[str, Any]:
    return make_batches(answers.reference, adapter)


@pytest.mark.parametrize(
    "scenario",
    SCENARIOS,
    ids=[f"{each.runner}, {each.name}, {each.dtype}" for each in SCENARIOS],
)
def test_flagged_requests_are_as_the_reference_and_clean_ones_as_without_the_plugin(
    small_model: Path,
    answers: ReferenceAnswers,
    batches: Mapping[str, Any],
    tmp_path: Path,
    scenario: Scenario,
) -> None:
    agreement = compare_scenario(scenario, small_model, batches, answers, tmp_path, _SECONDS)
    assert agreement.holds(scenario.dtype), agreement


def test_an_engine_that_corrupts_serves(small_model: Path) -> None:
    proof = prove(small_model, None, _SECONDS)
    assert proof.served, proof.log


@pytest.mark.parametrize("fault", FAULTS)
def test_one_that_does_not_is_refused(small_model: Path, fault: str) -> None:
    proof = prove(small_model, fault, _SECONDS)
    assert not proof.served
    assert "it does not corrupt as it must" in proof.refusal, proof.log
