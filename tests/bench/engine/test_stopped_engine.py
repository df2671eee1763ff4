"""Engines that take turns."""

import pytest

from bench.engine.stopped_engine import StoppedEngine


def test_an_engine_that_does_not_start_says_why(capfd: pytest.CaptureFixture[str]) -> None:
    engine = StoppedEngine("broken", ["-c", "raise SystemExit('there is no such model')"], {})
    with pytest.raises(SystemExit, match="'broken' did not start"):
        engine.wait_until_ready()
    engine.stop()
    assert "there is no such model" in capfd.readouterr().err
