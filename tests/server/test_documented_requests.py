"""Every request of the documentation is answered to whoever has the key that it needs."""

import asyncio
from pathlib import Path

import pytest

from tests.docs.pages import Command, commands
from tests.server.stack import Stack

pytestmark = pytest.mark.anyio

EXAMPLE = "http://127.0.0.1:8000"
SHIPPED, HERE = "harry-potter", "books"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A file for keys."""
    return tmp_path / "keys.yaml"


async def typed(command: Command, stack: Stack, key: str) -> str:
    """The status of what one command sends, with a key where the page has one."""
    words = [word.replace(EXAMPLE, str(stack.client.base_url).rstrip("/")) for word in command.words]
    words = [word.replace("Bearer KEY", f"Bearer {key}").replace(SHIPPED, HERE) for word in words]
    if not any(key in word for word in words):
        words += ["-H", f"Authorization: Bearer {key}"]
    process = await asyncio.create_subprocess_exec(
        *words, "-o", "/dev/null", "-w", "%{http_code}", stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return output.decode()


async def test_every_one_is_answered(key: str, stack: Stack) -> None:
    answered = {str(command): await typed(command, stack, key) for command in commands("curl")}
    assert answered
    assert set(answered.values()) == {"200"}, answered
