"""`--engine embedded` stands for the engine that a proxy here started, with its key."""

from pathlib import Path

import pytest

from lethe.cli.errors import UsageError
from lethe.cli.running_engine import resolved_engine
from lethe.server.engines.address import EngineAddress, published


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LETHE_CACHE_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("given", [None, "http://gpu-host:8000"])
def test_an_address_stays_as_it_is_given(cache: Path, given: str | None) -> None:
    assert resolved_engine(given, "key") == (given, "key")


def test_the_engine_of_the_only_proxy_here_is_found_with_its_key(cache: Path) -> None:
    with published(EngineAddress("http://127.0.0.1:4711", "secret"), cache, 8000):
        assert resolved_engine("embedded", None) == ("http://127.0.0.1:4711", "secret")
    with pytest.raises(UsageError, match="no lethe serve"):
        resolved_engine("embedded", None)


def test_of_several_one_is_named_by_its_proxys_port(cache: Path) -> None:
    one, other = (EngineAddress(f"http://127.0.0.1:{port}", None) for port in (4711, 4712))
    with published(one, cache, 8000), published(other, cache, 9000):
        with pytest.raises(UsageError, match=r"embedded:8000 .there are 8000, 9000"):
            resolved_engine("embedded", None)
        assert resolved_engine("embedded:9000", None) == (other.url, None)
