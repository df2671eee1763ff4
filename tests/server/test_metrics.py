"""What clients send never makes a new series."""

from pathlib import Path
from uuid import uuid4

import pytest

from lethe.server.access.key_file import create_key
from lethe.server.access.keys import Scope
from tests.server.stack import MODEL, Stack, chat

pytestmark = pytest.mark.anyio

ROUTES = {
    "/v1/chat/completions": chat("potter"),
    "/v1/completions": {"prompt": "hi"},
    "/v1/responses": {"input": "hi"},
    "/v1/embeddings": {"input": "hi"},
    "/tokenize": {"prompt": "hi"},
}


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A file with no key in it yet."""
    (tmp_path / "keys.yaml").write_text("keys: []\n")
    return tmp_path / "keys.yaml"


async def ask_for_what_nobody_has_asked(stack: Stack, keys: Path) -> None:
    """Ask each route with a new key for the model and for one of another name, and with a key that there is not."""
    _, secret = create_key(keys, name=uuid4().hex, scopes=set(Scope))
    stack.access.load()
    for bearer in (secret, f"lethe-{uuid4().hex[:8]}-{uuid4().hex}"):
        headers = {"Authorization": f"Bearer {bearer}", "User-Agent": uuid4().hex}
        for path, body in ROUTES.items():
            for model in (MODEL, uuid4().hex):
                await stack.client.post(path, json=body | {"model": model}, headers=headers)
            for wrong in (f"{path}/{uuid4().hex}", f"/{uuid4().hex}"):
                await stack.client.post(wrong, json=body, headers=headers)


async def series(stack: Stack, headers: dict[str, str]) -> set[str]:
    """Every name on the page of metrics, with its labels."""
    page = (await stack.client.get("/metrics", headers=headers)).text
    return {line.rpartition(" ")[0] for line in page.splitlines() if not line.startswith("#")}


async def test_paths_models_and_keys_make_no_series(stack: Stack, keys: Path) -> None:
    _, secret = create_key(keys, scopes={Scope.OBSERVE})
    observer = {"Authorization": f"Bearer {secret}"}
    await ask_for_what_nobody_has_asked(stack, keys)
    before = await series(stack, observer)
    counted = (
        'lethe_requests_total{action="corrupt",endpoint="/v1/chat/completions",status="200",target="books"}'
    )
    assert counted in before
    for _ in range(3):
        await ask_for_what_nobody_has_asked(stack, keys)
    assert await series(stack, observer) == before
