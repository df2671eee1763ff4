"""The architectures of the matrix, each as a config that makes a tiny model with everything that it has in a large one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

VOCABULARY = 512
_WIDTH = 128
_HEADS = 4
_HEAD = 32

_TINY: Mapping[str, Any] = MappingProxyType(
    {
        "vocab_size": VOCABULARY,
        "hidden_size": _WIDTH,
        "intermediate_size": 192,
        "num_hidden_layers": 2,
        "num_attention_heads": _HEADS,
        "num_key_value_heads": 2,
        "head_dim": _HEAD,
        "max_position_embeddings": 256,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "tie_word_embeddings": False,
    }
)
_EXPERTS: Mapping[str, Any] = MappingProxyType(
    {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 64, "decoder_sparse_step": 1}
)
_ROUTED: Mapping[str, Any] = MappingProxyType(
    {
        "n_routed_experts": 4,
        "num_experts_per_tok": 2,
        "n_group": 1,
        "topk_group": 1,
        "moe_intermediate_size": 64,
        "first_k_dense_replace": 1,
    }
)


@dataclass(frozen=True)
class Architecture:
    """One row of the matrix.

    Attributes
    ----------
    name
        As its makers write it.
    model_type
        By which transformers finds its config.
    embeds
        What is particular about the way from token ids to the first layer.
    config
        Fields of its config beside or in place of the tiny ones that all have.
    text_config
        Fields of the part of the config that describes the language model, of a model that reads more than text.
    engine
        Arguments of ``vllm.LLM`` beside those that all have.
    vllm_class
        The class that published configs name, where transformers' own, which writes the tiny one, is called otherwise.
    spread
        Standard deviation of its weights. With the usual 0.02 so small a model says nearly the same whatever it reads; a
        scaled table that is the head, too, repeats the last token if it is much more.
    """

    name: str
    model_type: str
    embeds: str = "table, untied head"
    config: Mapping[str, Any] = field(default_factory=dict)
    text_config: Mapping[str, Any] | None = None
    engine: Mapping[str, Any] = field(default_factory=dict)
    vllm_class: str | None = None
    spread: float = 0.15

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of its config."""
        if self.text_config is None:
            return {**_TINY, **self.config}
        return {"text_config": {**_TINY, **self.text_config}, **self.config}


_TIED = {"tie_word_embeddings": True}
_VISION = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
_TEXT_ONLY = {"limit_mm_per_prompt": {"image": 0, "video": 0}}

ARCHITECTURES = (
    Architecture("Llama 3", "llama"),
    Architecture("Qwen2", "qwen2", "table, tied head", _TIED),
    Architecture(
        "Qwen2-MoE", "qwen2_moe", "mixture of experts", {**_EXPERTS, "shared_expert_intermediate_size": 64}
    ),
    Architecture("Qwen3", "qwen3", "table, tied head", _TIED),
    Architecture("Qwen3-MoE", "qwen3_moe", "mixture of experts", _EXPERTS),
    Architecture("Mistral", "mistral", config={"sliding_window": None}),
    Architecture("Mixtral", "mixtral", "mixture of experts", {"num_local_experts": 4}),
    Architecture("Gemma", "gemma", "scaled after the table, tied head", _TIED),
    Architecture(
        "Gemma 2",
        "gemma2",
        "scaled after the table, tied head",
        {**_TIED, "query_pre_attn_scalar": _HEAD},
        spread=0.06,
    ),
    Architecture(
        "Gemma 3",
        "gemma3_text",
        "scaled after the table, tied head",
        {**_TIED, "query_pre_attn_scalar": _HEAD, "sliding_window": 64},
        spread=0.06,
    ),
    Architecture(
        "Gemma 3n",
        "gemma3n_text",
        "several tables, one a layer",
        {
            **_TIED,
            "num_hidden_layers": 5,
            "num_kv_shared_layers": 0,
            "hidden_size_per_layer_input": 32,
            "vocab_size_per_layer_input": VOCABULARY,
            "laurel_rank": 16,
        },
    ),
    Architecture(
        "Gemma 4",
        "gemma4_text",
        "scaled after the table, tied head",
        {**_TIED, "hidden_size_per_layer_input": 0, "num_kv_shared_layers": 0, "sliding_window": 64},
        spread=0.06,
    ),
    Architecture(
        "Gemma 4 E",
        "gemma4_text",
        "several tables, one a layer",
        {
            **_TIED,
            "hidden_size_per_layer_input": 32,
            "vocab_size_per_layer_input": VOCABULARY,
            "num_kv_shared_layers": 0,
        },
    ),
    Architecture("Phi-3", "phi3"),
    Architecture("Phi-4 mini", "phi3", "table, tied head", {**_TIED, "partial_rotary_factor": 0.75}),
    Architecture(
        "Phi-3.5-MoE",
        "phimoe",
        "mixture of experts",
        {"num_local_experts": 4, "attention_bias": True, "lm_head_bias": True},
        vllm_class="PhiMoEForCausalLM",
    ),
    Architecture(
        "GPT-OSS", "gpt_oss", "mixture of experts, attention sinks", {"num_local_experts": 4, "head_dim": 64}
    ),
    Architecture(
        "DeepSeek-V3",
        "deepseek_v3",
        "multi-head latent attention, mixture of experts",
        {
            "topk_method": "noaux_tc",
            "head_dim": 64,
            "q_lora_rank": 64,
            "kv_lora_rank": 512,
            "qk_nope_head_dim": 128,
            "qk_rope_head_dim": 64,
            "v_head_dim": 128,
            **_ROUTED,
            "num_key_value_heads": _HEADS,
        },
    ),
    Architecture("OLMo 2", "olmo2"),
    Architecture("OLMo 3", "olmo3", config={"sliding_window": 64}),
    Architecture("OLMoE", "olmoe", "mixture of experts", {"num_experts": 4, "num_experts_per_tok": 2}),
    Architecture(
        "Granite",
        "granite",
        "multiplied after the table",
        {"embedding_multiplier": 12.0, "attention_multiplier": 0.1, "residual_multiplier": 0.5},
    ),
    Architecture(
        "Granite MoE",
        "granitemoe",
        "multiplied after the table, mixture of experts",
        {"embedding_multiplier": 12.0, "num_local_experts": 4, "num_experts_per_tok": 2},
    ),
    Architecture(
        "Falcon-H1",
        "falcon_h1",
        "multiplied after the table, state-space hybrid",
        {
            "mamba_d_ssm": 128,
            "mamba_n_heads": 4,
            "mamba_d_head": 32,
            "mamba_d_state": 16,
            "embedding_multiplier": 2.0,
        },
    ),
    Architecture("StarCoder 2", "starcoder2", config={"sliding_window": None}),
    Architecture("GLM-4", "glm4", config={"partial_rotary_factor": 0.5}),
    Architecture(
        "GLM-4.5",
        "glm4_moe",
        "mixture of experts",
        {
            **_ROUTED,
            "partial_rotary_factor": 0.5,
        },
    ),
    Architecture("Command R", "cohere", "table, tied head, scaled logits", _TIED),
    Architecture(
        "Cohere MoE", "cohere2_moe", "table, mixture of experts, scaled logits", {**_TIED, "num_experts": 4}
    ),
    Architecture(
        "Command R7B", "cohere2", "table, tied head, scaled logits", {**_TIED, "sliding_window": 64}
    ),
    Architecture("Nemotron", "nemotron"),
    Architecture("SmolLM3", "smollm3", "table, tied head", _TIED),
    Architecture("EXAONE 4", "exaone4", config={"sliding_window": 64, "sliding_window_pattern": 2}),
    Architecture("ERNIE 4.5", "ernie4_5", "table, tied head", _TIED),
    Architecture(
        "MiniCPM3",
        "minicpm3",
        "multiplied after the table, latent attention",
        {"num_key_value_heads": _HEADS},
    ),
    Architecture("StableLM", "stablelm"),
    Architecture(
        "Laguna",
        "laguna",
        "table past its method, mixture of experts",
        {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 64},
    ),
    Architecture("HRM-Text", "hrm_text", "scaled after the table in transformers, with it here"),
    Architecture(
        "LFM2",
        "lfm2",
        "table, tied head, convolutions",
        {
            **_TIED,
            "block_dim": _WIDTH,
            "block_ff_dim": 192,
            "conv_dim": _WIDTH,
            "full_attn_idxs": [1],
        },
    ),
    Architecture("GPT-2", "gpt2", "tokens and positions, two tables", _TIED),
    Architecture(
        "OPT-350m",
        "opt",
        "table narrower than the first layer, projected",
        {**_TIED, "word_embed_proj_dim": 64, "ffn_dim": 192, "do_layer_norm_before": False},
    ),
    Architecture(
        "Mamba 2",
        "mamba2",
        "state-space",
        {
            "intermediate_size": 2 * _WIDTH,
            "num_heads": 8,
            "head_dim": 32,
            "state_size": 16,
            "n_groups": 1,
        },
    ),
    Architecture(
        "Qwen2.5-VL",
        "qwen2_5_vl",
        "images merged into the prompt, text alone here",
        {"vision_config": {**_VISION, "depth": 1, "num_heads": 2, "out_hidden_size": _WIDTH}},
        {"rope_scaling": {"type": "mrope", "mrope_section": [4, 6, 6]}},
        _TEXT_ONLY,
    ),
    Architecture(
        "Gemma 3 with images",
        "gemma3",
        "images merged into the prompt, text alone here",
        {"vision_config": {**_VISION, "image_size": 56, "patch_size": 14}, "mm_tokens_per_image": 4},
        {**_TIED, "query_pre_attn_scalar": _HEAD, "sliding_window": 64},
        _TEXT_ONLY,
        spread=0.06,
    ),
)
