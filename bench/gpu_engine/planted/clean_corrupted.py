"""Rows of clean prompts are marked, too, in a step that has a flagged one."""

from collections.abc import Callable
from typing import Any

from lethe.corruption.vllm_plugin.compatibility import replace_method
from lethe.corruption.vllm_plugin.embedding import CorruptibleEmbedding


class Fault:
    """What a worker is extended by."""


def _marking_all(fill: Callable[..., None]) -> Callable[..., None]:
    def fill_then_mark(self: Any, *arguments: Any) -> None:
        fill(self, *arguments)
        self._owner.get_buffer("lethe_marks").fill_(True)

    return fill_then_mark


replace_method(CorruptibleEmbedding, "fill", _marking_all)
