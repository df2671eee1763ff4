"""Fixtures of several of the plugin's parts."""

from collections.abc import Iterator

import pytest
from torch import nn

from tests.corruption.vllm_plugin.embedding_models import EmbeddingModel


@pytest.fixture(scope="module")
def one_rank() -> Iterator[None]:
    """vLLM's process groups, of this process alone."""
    from vllm.config import VllmConfig, set_current_vllm_config
    from vllm.distributed import parallel_state
    from vllm.utils.network_utils import get_open_port

    with set_current_vllm_config(VllmConfig()):
        parallel_state.init_distributed_environment(
            1, 0, f"tcp://127.0.0.1:{get_open_port()}", 0, backend="gloo"
        )
        parallel_state.ensure_model_parallel_initialized(1, 1, backend="gloo")
        yield
        parallel_state.destroy_model_parallel()
        parallel_state.destroy_distributed_environment()


@pytest.fixture
def model(one_rank: None) -> nn.Module:
    return EmbeddingModel()
