"""The guardrail that the documentation gives for LiteLLM, in LiteLLM's own proxy before ours."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import yaml

from lethe.server.access.key_file import create_key
from lethe.server.access.keys import Scope
from lethe.server.engines.process import free_loopback_port
from tests.server.answers import CHAT, text_of
from tests.server.stack import Stack, write_target

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
TOLD, UNTOLD = "It is told in the books.", "I would not know."
LITELLM = shutil.which("litellm")


@pytest.fixture
def targets(tmp_path: Path) -> Path:
    """A folder with one target, ``books``, that has a head for answers."""
    folder = tmp_path / "targets"
    folder.mkdir()
    write_target(folder, "books", answers=True)
    return folder


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    file = tmp_path / "keys.yaml"
    create_key(file, name="first")
    return file


def configuration() -> dict[str, object]:
    """One model that tells something and one that does not, behind the guardrail."""
    models = [
        {"model_name": name, "litellm_params": {"model": "openai/x", "api_key": "x", "mock_response": answer}}
        for name, answer in (("knows", TOLD), ("does-not", UNTOLD))
    ]
    guardrail = {
        "guardrail": "lethe_guardrail.LetheGuardrail",
        "mode": ["pre_call", "post_call"],
        "default_on": True,
    }
    return {
        "model_list": models,
        "guardrails": [{"guardrail_name": "lethe", "litellm_params": guardrail}],
    }


@pytest.fixture
async def litellm(stack: Stack, keys: Path, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of LiteLLM's proxy, which asks ours for verdicts."""
    if LITELLM is None:
        pytest.skip(
            "litellm is not installed; pip install 'litellm[proxy]' in an environment on PATH brings it"
        )
    _, secret = create_key(keys, scopes={Scope.CHECK})
    stack.access.load()
    (example,) = re.findall(r"```python\n(?=[^`]*CustomGuardrail)(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "lethe_guardrail.py").write_text(example)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(configuration()))
    port = free_loopback_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
        "GUARD_URL": f"http://127.0.0.1:{stack.port}",
        "GUARD_KEY": secret,
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    options = ["--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port), "--telemetry", "False"]
    process = await asyncio.create_subprocess_exec(LITELLM, *options, cwd=tmp_path, env=environment)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            async with asyncio.timeout(240):
                while not await _answers(client):
                    assert process.returncode is None
                    await asyncio.sleep(0.2)
            yield client
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/health/liveliness")).status_code == 200
    except httpx.TransportError:
        return False


async def test_the_documented_guardrail_lets_nothing_through_that_is_flagged(
    litellm: httpx.AsyncClient, stack: Stack
) -> None:
    async def ask(model: str, prompt: str, **fields: object) -> httpx.Response:
        body = {"model": model, "messages": [{"role": "user", "content": prompt}], **fields}
        return await litellm.post(CHAT, json=body)

    ordinary = await ask("does-not", "hello")
    assert ordinary.json()["choices"][0]["message"]["content"] == UNTOLD
    assert text_of((await ask("does-not", "hello", stream=True)).content) == UNTOLD
    for refused in (
        await ask("does-not", "What of potter?"),
        await ask("knows", "hello"),
        await ask("knows", "hello", stream=True),
    ):
        assert "This cannot be answered." in refused.text
        assert "books" not in refused.text
    assert not stack.engine.requests
