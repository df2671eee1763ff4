"""Models that are their embedding, as vLLM runs models of its own and by transformers' code."""

import torch
from torch import Tensor, nn

from tests.corruption.vllm_plugin.engine_requests import WIDTH


class EmbeddingModel(nn.Module):
    """A model that is its embedding."""

    def __init__(self, width: int = WIDTH) -> None:
        from vllm.model_executor.layers.vocab_parallel_embedding import VocabParallelEmbedding

        super().__init__()
        self.embed_tokens = VocabParallelEmbedding(64, width, params_dtype=torch.float32)
        self.embed_tokens.weight.data.normal_(generator=torch.Generator().manual_seed(0))

    def embed_input_ids(self, input_ids: Tensor) -> Tensor:
        return self.embed_tokens(input_ids)

    def forward(self, input_ids: Tensor) -> Tensor:
        return self.embed_input_ids(input_ids)


def transformers_model() -> nn.Module:
    """A model as vLLM runs one by transformers' code: its tokens enter in batches of one row."""
    from transformers import PretrainedConfig, PreTrainedModel

    class Inner(PreTrainedModel):
        config_class = PretrainedConfig

        def __init__(self) -> None:
            super().__init__(PretrainedConfig())
            self.embed_tokens = EmbeddingModel().embed_tokens

        def get_input_embeddings(self) -> nn.Module:
            return self.embed_tokens

        def forward(self, input_ids: Tensor) -> Tensor:
            return self.embed_tokens(input_ids)

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = Inner()

        def embed_input_ids(self, input_ids: Tensor) -> Tensor:
            return self.model.get_input_embeddings()(input_ids)

        def forward(self, input_ids: Tensor) -> Tensor:
            return self.model(input_ids[None])[0]

    return Outer()
