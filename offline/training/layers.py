"""The layers of a model that low-rank changes are put into. Loads no tensor library, so that settings can name them."""

# By the last part of their paths, in Llama and in the many families that are built like it.
LLAMA_LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
