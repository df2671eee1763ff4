"""What is written down of a request is bounded, whatever a client puts into it."""

from pathlib import Path

import pytest

from lethe.server.access.key_file import create_key
from lethe.server.access.keys import Scope
from tests.server.stack import Stack

pytestmark = pytest.mark.anyio

ASKED = [{"role": "user", "content": "What of potter?"}]
LONGEST = 4000


@pytest.fixture
def audited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the audit log."""
    monkeypatch.setenv("LETHE_AUDIT__FOLDER", str(tmp_path / "audit"))
    return tmp_path / "audit"


@pytest.fixture
def secret(tmp_path: Path) -> str:
    return create_key(tmp_path / "keys.yaml", scopes={Scope.CHECK, Scope.USE})[1]


@pytest.fixture
def keys(tmp_path: Path, secret: str) -> Path:
    return tmp_path / "keys.yaml"


@pytest.mark.parametrize("path", ["/v1/checks", "/v1/chat/completions"])
async def test_what_a_client_may_name_at_will_fills_neither_log_nor_answer(
    audited: Path, secret: str, stack: Stack, path: str
) -> None:
    parts = [{"type": "a" * 100_000}] * 20
    for body in (
        {"messages": ASKED, "model": "a" * 1_000_000},
        {"messages": [{"role": "user", "content": parts}]},
    ):
        response = await stack.client.post(path, json=body, headers={"Authorization": f"Bearer {secret}"})
        assert len(response.content) < LONGEST
    await stack.audited(2)
    lines = [line for file in audited.glob("*.jsonl") for line in file.read_text().splitlines()]
    assert len(lines) >= 2
    assert all(len(line) < LONGEST for line in lines)
