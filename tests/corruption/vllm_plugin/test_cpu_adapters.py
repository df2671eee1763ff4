"""Adapters in vLLM's CPU build."""

import pytest
import torch

from tests.corruption.vllm_plugin.engine_requests import NEEDS_VLLM

pytestmark = NEEDS_VLLM


def test_rows_without_an_adapter_get_nothing_of_the_last_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    from vllm.lora.ops.torch_ops import lora_ops
    from vllm.lora.punica_wrapper import punica_cpu

    from lethe.corruption.vllm_plugin.cpu_adapters import keep_clean_rows_clean

    for module in (lora_ops, punica_cpu):
        for name in ("bgmv_expand", "bgmv_expand_slice"):
            monkeypatch.setattr(module, name, getattr(module, name))
    keep_clean_rows_clean()
    shrunk, weights = torch.ones(3, 2), torch.ones(2, 1, 4, 2)
    for expand, rest in (
        (punica_cpu.bgmv_expand, (True,)),
        (punica_cpu.bgmv_expand_slice, (0, 4, True)),
    ):
        output = torch.full((3, 4), 5.0)
        expand(shrunk, weights, output, torch.tensor([0, -1, 1]), *rest)
        assert output[:, 0].tolist() == [7, 5, 7]
    output = torch.full((3, 4), 5.0)
    lengths = torch.tensor([2, 1])
    punica_cpu.sgmv_expand(shrunk, weights, output, lengths, lengths, torch.tensor([-1, 0]), 2, 2, 3, True)
    assert output[:, 0].tolist() == [5, 5, 7]
