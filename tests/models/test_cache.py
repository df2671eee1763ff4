from pathlib import Path

import pytest

from lethe.models.cache import cache_folder


def test_it_is_in_the_home_folder_unless_another_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.delenv("LETHE_CACHE_DIR", raising=False)
    assert cache_folder() == Path("/home/somebody/.cache/lethe")
    monkeypatch.setenv("LETHE_CACHE_DIR", "~/elsewhere")
    assert cache_folder() == Path("/home/somebody/elsewhere")
