from pathlib import Path

import pytest

from tests.benchmark_files import write_benchmark_files


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Files of every benchmark, of our own making."""
    return write_benchmark_files(tmp_path / "data")
