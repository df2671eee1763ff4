"""The action that the documentation gives for NeMo Guardrails, with the flows that call it."""

import asyncio
import json
import os
import re
import shutil
from pathlib import Path

import pytest
import yaml

from lethe.server.access.key_file import create_key
from lethe.server.access.keys import Scope
from tests.server.stack import MODEL, Stack

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
NEMO = shutil.which("nemoguardrails")
REFUSAL, SAID = "This cannot be answered.", "Hello to you."
PROGRAM = """
import json, sys
from nemoguardrails import LLMRails, RailsConfig

rails = LLMRails(RailsConfig.from_path("config"))
asked = [[{"role": "user", "content": text}] for text in sys.argv[1:]]
print(json.dumps([rails.generate(messages=messages)["content"] for messages in asked]))
"""


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    file = tmp_path / "keys.yaml"
    create_key(file, name="first")
    return file


@pytest.mark.skipif(
    NEMO is None, reason="pip install nemoguardrails, in an environment on PATH, brings what it needs"
)
async def test_the_documented_action_refuses_what_is_flagged(
    stack: Stack, keys: Path, tmp_path: Path
) -> None:
    assert NEMO is not None
    said = {"message": {"role": "assistant", "content": SAID}, "index": 0, "finish_reason": "stop"}
    stack.engine.answer = {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "choices": [said],
        "model": MODEL,
    }
    _, secret = create_key(keys, scopes={Scope.CHECK})
    _, asking = create_key(keys, name="asking")
    stack.access.load()
    page = PAGE.read_text()
    folder = tmp_path / "config"
    folder.mkdir()
    (action,) = re.findall(r"```python\n(?=[^`]*nemoguardrails)(.*?)```", page, re.DOTALL)
    (flows,) = re.findall(r"```colang\n(.*?)```", page, re.DOTALL)
    (rails,) = (
        each for each in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "lethe check input" in each
    )
    parameters = {"base_url": f"{stack.client.base_url}/v1", "api_key": asking}
    model = {"type": "main", "engine": "openai", "model": MODEL, "parameters": parameters}
    (folder / "actions.py").write_text(action)
    (folder / "rails.co").write_text(flows)
    (folder / "config.yml").write_text(yaml.safe_dump({"models": [model]} | yaml.safe_load(rails)))
    told = {"GUARD_URL": f"http://127.0.0.1:{stack.port}", "GUARD_KEY": secret, "OPENAI_API_KEY": "none"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    process = await asyncio.create_subprocess_exec(
        *(Path(NEMO).resolve().parent / "python", "-c", PROGRAM, "hello", "What of potter?"),
        cwd=tmp_path,
        env=environment | told,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert json.loads(output.splitlines()[-1]) == [SAID, REFUSAL]
