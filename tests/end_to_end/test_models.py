"""Models that embed their tokens in different ways are corrupted as transformers says."""

from pathlib import Path

import pytest

from bench.model_matrix.architectures import ARCHITECTURES
from bench.model_matrix.comparison import Outcome, compare

pytestmark = pytest.mark.engine

_BY_NAME = {architecture.name: architecture for architecture in ARCHITECTURES}


@pytest.mark.parametrize("name", ["Mistral", "Gemma 3", "Qwen3-MoE", "OLMo 2", "Granite"])
def test_flagged_prompts_are_as_the_reference_and_clean_ones_as_without_the_plugin(
    name: str, tmp_path: Path
) -> None:
    result = compare(_BY_NAME[name], tmp_path)
    assert result.outcome is Outcome.EXACT, result
