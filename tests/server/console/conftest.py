"""A proxy with keys and an audit log, and an administrator before it."""

from pathlib import Path

import httpx
import pytest

from lethe.bundle import update_bundle
from lethe.corruption import Corruption
from lethe.server.access.key_file import create_key
from tests.server.stack import BASE, Stack, corruption_file, give_corruption, write_target, write_tokenizer

CARD = """---
tags: [x]
---
# books

| figure | value |
|---|---|
| recall | 0.9 |

<script>alert(1)</script>

![plot](figures/plot.png)
"""
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c63680000008200"
    "81771cd1730000000049454e44ae426082"
)


@pytest.fixture
def console() -> bool:
    return True


@pytest.fixture
def secrets(tmp_path: Path) -> dict[str, str]:
    """A secret for each scope alone."""
    return {
        scope: create_key(tmp_path / "keys.yaml", name=scope, scopes={scope})[1]
        for scope in ("use", "observe", "admin")
    }


@pytest.fixture
def keys(secrets: dict[str, str], tmp_path: Path) -> Path:
    return tmp_path / "keys.yaml"


@pytest.fixture
def targets(tmp_path: Path) -> Path:
    """Two targets; one has a card with a figure, and its corruption falls on what the user wrote alone."""
    folder = tmp_path / "targets"
    folder.mkdir()
    write_target(folder, "books")
    write_target(folder, "films")
    (tmp_path / "card.md").write_text(CARD)
    (tmp_path / "plot.png").write_bytes(PIXEL)
    corruption = Corruption("rand_noise_first_n", 3.0, 4, positions="user_content")
    files = {
        "README.md": tmp_path / "card.md",
        "figures/plot.png": tmp_path / "plot.png",
    }
    update_bundle(folder / "books", files, description="A shelf of books.")
    give_corruption(folder / "books", BASE, corruption)
    return folder


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the audit log, which is kept if this is asked for before the proxy."""
    monkeypatch.setenv("LETHE_AUDIT__FOLDER", str(tmp_path / "audit"))
    return tmp_path / "audit"


@pytest.fixture
def tokenizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tokenizer whose tokens are words, which is known if this is asked for before the proxy."""
    monkeypatch.setenv("LETHE_ENGINE__TOKENIZER", str(tmp_path))
    write_tokenizer(tmp_path)


@pytest.fixture
def damaged(targets: Path) -> None:
    """Damage of the target ``films``, which is in force if this is asked for after the proxy."""
    corruption_file(targets / "films").write_bytes(b"damaged")


@pytest.fixture
def admin(log: Path, secrets: dict[str, str], stack: Stack) -> httpx.AsyncClient:
    """A client with an administrator's key."""
    stack.client.headers["Authorization"] = f"Bearer {secrets['admin']}"
    return stack.client
