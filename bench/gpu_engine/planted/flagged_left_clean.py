"""Rows of flagged prompts are not marked."""

from lethe.corruption.vllm_plugin.compatibility import replace_method
from lethe.corruption.vllm_plugin.embedding import CorruptibleEmbedding


class Fault:
    """What a worker is extended by."""


replace_method(CorruptibleEmbedding, "fill", lambda _: lambda *_: None)
