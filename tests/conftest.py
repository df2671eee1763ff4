"""Fixtures that more than one package's tests stand on."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def lethe_cache() -> Path:
    """The folder where prepared models are kept between runs."""
    return Path(os.environ.get("LETHE_CACHE_DIR", Path.home() / ".cache" / "lethe"))


@pytest.fixture(scope="session")
def small_model(lethe_cache: Path) -> Path:
    """SmolLM2-135M-Instruct as a model folder; made on first use."""
    from offline.small_model import prepare_smollm2

    return prepare_smollm2(lethe_cache)


@pytest.fixture(scope="session")
def benchmark_data() -> Path:
    """The folder of the field's benchmark files."""
    folder = os.environ.get("LETHE_DATA_DIR")
    if not folder or not Path(folder).is_dir():
        pytest.skip("LETHE_DATA_DIR names no folder with the benchmark files")
    return Path(folder)
