"""Every route that an engine has is guarded, passed, or refused with a reason in the documentation."""

import importlib.util
import re
from pathlib import Path

import pytest

from tests.server.stack import Stack

ROOT = Path(__file__).resolve().parents[2]
_PATH = re.compile(r"`(?:[A-Z]+ )?(/[^`]*)`")
_SERVED = re.compile(r"(?:router|app)\.(?:get|post|put|delete|websocket|api_route)\(\s*\"(/[^\"]*)\"")


def refused() -> list[str]:
    """The routes of the page's table of what is not served."""
    section = (
        (ROOT / "docs" / "api.md").read_text().partition("## What else vLLM serves")[2].partition("\n## ")[0]
    )
    first_cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return [path for cell in first_cells for path in _PATH.findall(cell)]


@pytest.mark.anyio
async def test_what_the_page_says_is_not_served_is_not(stack: Stack) -> None:
    paths = refused()
    assert len(paths) > 60
    for path in paths:
        for method in ("GET", "POST"):
            answer = await stack.client.request(method, path.replace("{response_id}", "resp_1"), json={})
            assert answer.status_code == 404, path
            assert answer.json()["error"]["message"]
    assert stack.engine.requests == []


def test_every_route_of_the_engine_is_on_a_page() -> None:
    found = importlib.util.find_spec("vllm")
    if found is None or not found.submodule_search_locations:
        pytest.skip("vLLM is not installed")
    folder = Path(found.submodule_search_locations[0]) / "entrypoints"
    served = {path for module in folder.rglob("*.py") for path in _SERVED.findall(module.read_text())}
    assert len(served) > 50
    operating = (ROOT / "docs" / "operating.md").read_text()
    assert not served - set(refused()) - set(_PATH.findall(operating))
