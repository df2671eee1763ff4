"""Where a model looks its tokens up."""

import pytest
from torch import Tensor, nn

from lethe.corruption.vllm_plugin.compatibility import EngineRefusal
from tests.corruption.vllm_plugin.embedding_models import EmbeddingModel, transformers_model
from tests.corruption.vllm_plugin.engine_requests import NEEDS_VLLM, WIDTH

pytestmark = NEEDS_VLLM


def find_lookup(model: nn.Module) -> tuple[nn.Module, str]:
    from lethe.corruption.vllm_plugin.lookup import find_lookup

    lookup = find_lookup(model)
    return lookup.owner, lookup.method


def test_it_is_found_below_the_outer_model(model: nn.Module) -> None:
    assert find_lookup(nn.Sequential(nn.Linear(2, 2), model)) == (model, "embed_input_ids")


def test_two_tables_stop_the_start(model: nn.Module) -> None:
    with pytest.raises(EngineRefusal, match="more ways than one"):
        find_lookup(nn.Sequential(model, EmbeddingModel()))


def test_of_two_modules_that_hold_a_table_it_is_the_one_that_looks_up(model: nn.Module) -> None:
    class Handing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed_tokens, self.decoder = model.embed_tokens, model

        def embed_input_ids(self, input_ids: Tensor) -> Tensor:
            return self.decoder.embed_input_ids(input_ids)

        def forward(self, input_ids: Tensor) -> Tensor:
            return self.decoder(input_ids)

    assert find_lookup(Handing()) == (model, "embed_input_ids")


def test_two_modules_that_look_up_stop_the_start(model: nn.Module) -> None:
    class Looking(EmbeddingModel):
        def __init__(self) -> None:
            super().__init__()
            self.embed_tokens, self.decoder = model.embed_tokens, model

    with pytest.raises(EngineRefusal, match="looks its tokens up in no one place"):
        find_lookup(Looking())


def test_no_table_stops_the_start() -> None:
    with pytest.raises(EngineRefusal, match="has no embedding that is known"):
        find_lookup(nn.Sequential(nn.Embedding(64, WIDTH)))


def test_embeddings_that_are_scaled_before_they_are_corrupted_stop_the_start(model: nn.Module) -> None:
    """Where transformers scales them after it, and corruptions are learned on what is smaller by the scale."""
    from vllm.model_executor.models.hrm_text import HrmTextModel

    scaling = HrmTextModel.__new__(HrmTextModel)
    nn.Module.__init__(scaling)
    scaling.add_module("embed_tokens", model.get_submodule("embed_tokens"))
    with pytest.raises(EngineRefusal, match="scales its embeddings before corruption"):
        find_lookup(scaling)


def test_two_tables_of_one_module_stop_the_start(model: nn.Module) -> None:
    model.embed_tokens_per_layer = EmbeddingModel().embed_tokens
    with pytest.raises(EngineRefusal, match="more ways than one"):
        find_lookup(model)


def test_a_forward_pass_that_leaves_it_to_its_base_class_is_known(one_rank: None) -> None:
    class Leaving(EmbeddingModel):
        def forward(self, input_ids: Tensor) -> Tensor:
            return super().forward(input_ids)

    leaving = Leaving()
    assert find_lookup(leaving) == (leaving, "embed_input_ids")


def test_of_transformers_own_model_it_is_its_input_embeddings(one_rank: None) -> None:
    model = transformers_model()
    assert find_lookup(model) == (model.get_submodule("model.embed_tokens"), "forward")


def test_a_tower_of_transformers_own_that_embeds_no_tokens_is_passed_over(model: nn.Module) -> None:
    from transformers import PretrainedConfig, PreTrainedModel

    class Tower(PreTrainedModel):
        config_class = PretrainedConfig

    seeing = nn.ModuleDict({"vision_tower": Tower(PretrainedConfig()), "language_model": model})
    assert find_lookup(seeing) == (model, "embed_input_ids")


def test_where_the_forward_pass_asks_the_table_it_is_the_table(one_rank: None) -> None:
    """As Laguna and OLMo Hybrid do, which have the method for others to call."""

    class Direct(EmbeddingModel):
        def forward(self, input_ids: Tensor) -> Tensor:
            return self.embed_tokens(input_ids)

    direct = Direct()
    assert find_lookup(direct) == (direct.embed_tokens, "forward")


def test_a_method_that_scales_and_is_not_called_stops_the_start(one_rank: None) -> None:
    class Scaling(EmbeddingModel):
        """Where corruption belongs, before or after the scaling, cannot be told."""

        def embed_input_ids(self, input_ids: Tensor) -> Tensor:
            return self.embed_tokens(input_ids) * self.get_buffer("scale")

        def forward(self, input_ids: Tensor) -> Tensor:
            return self.embed_tokens(input_ids) * self.get_buffer("scale")

    with pytest.raises(EngineRefusal, match="looks its tokens up in no one place"):
        find_lookup(Scaling())


def test_where_the_method_has_another_name_it_is_the_table(one_rank: None) -> None:
    class Named(nn.Module):
        """As Cohere's mixture of experts."""

        def __init__(self) -> None:
            super().__init__()
            self.embed_tokens = EmbeddingModel().embed_tokens

        def get_input_embeddings(self, input_ids: Tensor) -> Tensor:
            return self.embed_tokens(input_ids)

        def forward(self, input_ids: Tensor) -> Tensor:
            return self.get_input_embeddings(input_ids)

    named = Named()
    assert find_lookup(named) == (named.embed_tokens, "forward")


def test_layers_that_are_given_the_tokens_stop_the_start(model: nn.Module) -> None:
    # They choose their experts by the tokens.
    from vllm.models.deepseek_v4.cpu.model import DeepseekV4DecoderLayer

    layer = DeepseekV4DecoderLayer.__new__(DeepseekV4DecoderLayer)
    nn.Module.__init__(layer)
    model.layers = nn.ModuleList([layer])
    with pytest.raises(EngineRefusal, match="more ways than one"):
        find_lookup(model)


def test_a_fused_lookup_is_left_for_the_method(one_rank: None) -> None:
    class Fusing(EmbeddingModel):
        """Reads its table past its method, as DeepSeek-V3.2 does on one rank."""

        replicated_embed = True

        def forward(self, input_ids: Tensor) -> Tensor:
            if self.replicated_embed:
                return self.embed_tokens.weight[input_ids]
            return self.embed_input_ids(input_ids)

    fusing = Fusing()
    assert find_lookup(fusing) == (fusing, "embed_input_ids")
    assert not fusing.replicated_embed


def test_a_lookup_past_the_method_stops_the_start(one_rank: None) -> None:
    class Passing(EmbeddingModel):
        def forward(self, input_ids: Tensor, fused: bool = True) -> Tensor:
            return self.embed_tokens.weight[input_ids] if fused else self.embed_input_ids(input_ids)

    with pytest.raises(EngineRefusal, match="more ways than one"):
        find_lookup(Passing())
