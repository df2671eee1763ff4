"""One engine without a proxy, for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.one_engine.engine_server import running_engine


@pytest.fixture(scope="session")
def engine_port(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where the engine listens."""
    with running_engine(small_model, tmp_path_factory.mktemp("engine") / "log") as port:
        yield port
