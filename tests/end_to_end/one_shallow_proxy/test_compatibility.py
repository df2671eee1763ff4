"""A part of ``make bench-compatibility``: OpenAI's Python client before the guard and before the bare engine."""

from pathlib import Path

import pytest
from openai import OpenAI

from bench.compatibility.reasons import reason_of
from bench.compatibility.suites import CannotBeHad, openai_python
from tests.end_to_end.running_proxy import RunningProxy

pytestmark = pytest.mark.engine


def test_what_passes_before_the_engine_passes_before_the_guard(
    proxy: RunningProxy, bare: OpenAI, small_model: Path, lethe_cache: Path
) -> None:
    suite = openai_python(lethe_cache / "clients")
    try:
        suite.prepare()
    except CannotBeHad as reason:
        pytest.skip(f"{suite.name} cannot be installed: {reason}")
    model = bare.models.list().data[0].id
    unguarded = suite.run(proxy.engine.url, model, small_model, key=proxy.engine.api_key or "none")
    passed = [name for name, passes in unguarded.items() if passes]
    assert len(passed) > 20
    guarded = suite.run(proxy.url, model, small_model, passed)
    assert [name for name in passed if not guarded[name] and reason_of(name) is None] == []
