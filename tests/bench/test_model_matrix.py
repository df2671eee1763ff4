"""What the matrix of models says of one that could not be tried."""

from pathlib import Path

import pytest

from bench.engine.job import JobFailed, JobTimedOut
from bench.model_matrix import comparison
from bench.model_matrix.comparison import Outcome, compare_model


def failing(monkeypatch: pytest.MonkeyPatch, failure: JobFailed) -> None:
    def run(*_: object) -> None:
        raise failure

    monkeypatch.setattr(comparison, "run_engine_job", run)


def test_a_model_that_vllm_refuses_is_not_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, JobFailed("it is of no use\nValue error, no such architecture [type=value_error]"))
    result = compare_model(tmp_path, [[1]], [None], tmp_path)
    assert (result.outcome, result.detail) == (Outcome.NOT_SERVED, "no such architecture")


def test_an_engine_that_took_too_long_says_nothing_of_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the matrix would keep for good what a busy machine made of it."""
    failing(monkeypatch, JobTimedOut("no result in time\nloading"))
    with pytest.raises(JobTimedOut):
        compare_model(tmp_path, [[1]], [None], tmp_path)
