"""Behind a part of a host's paths the proxy is what it is at its root, whether or not that part is taken away."""

import re
from typing import Any
from urllib.parse import urljoin

import pytest

from tests.server.anthropic_requests import message_body
from tests.server.stack import Stack, chat, error_of

pytestmark = [pytest.mark.anyio, pytest.mark.settings(root_path="/models/lethe")]
PREFIX = "/models/lethe"


@pytest.fixture
def console() -> bool:
    return True


@pytest.mark.parametrize("prefix", ["", PREFIX])
async def test_every_route_is_guarded_with_it_and_without(stack: Stack, prefix: str) -> None:
    asked: dict[str, dict[str, Any]] = {
        "/v1/chat/completions": chat("potter"),
        "/v1/messages": message_body("potter"),
    }
    for path, body in asked.items():
        assert (await stack.client.post(f"{prefix}{path}", json=body)).status_code == 200
    assert [path for path, _ in stack.engine.requests] == list(asked)
    assert all("vllm_xargs" in sent for _, sent in stack.engine.requests)
    for path in ("/health", "/ready", "/v1/models", "/metrics"):
        assert (await stack.client.get(f"{prefix}{path}")).status_code == 200


async def test_errors_are_in_the_routes_form(stack: Stack) -> None:
    error_of(await stack.client.post(f"{PREFIX}/v1/other", json={}))
    refused = await stack.client.get(f"{PREFIX}/v1/messages")
    assert refused.status_code == 405
    assert refused.headers["allow"] == "POST"
    assert refused.json()["type"] == "error"


@pytest.mark.parametrize("path", [f"{PREFIX}{PREFIX}/v1/models", f"{PREFIX}x/v1/models", PREFIX, "/v1"])
async def test_nothing_else_is_a_route_by_it(stack: Stack, path: str) -> None:
    assert (await stack.client.get(path)).status_code == 404


async def test_the_document_says_where_the_proxy_is(stack: Stack) -> None:
    document = (await stack.client.get(f"{PREFIX}/openapi.json")).json()
    assert document["servers"] == [{"url": PREFIX}]


@pytest.mark.parametrize("prefix", ["", PREFIX])
async def test_what_the_console_is_made_of_is_found_from_where_it_stands(stack: Stack, prefix: str) -> None:
    at = f"{prefix}/console"
    page = await stack.client.get(at)
    named = re.findall(r'(?:src|href)="([^#"]+)"', page.text)
    assert len(named) > 3
    for name in named:
        assert not name.startswith("/")
        assert (await stack.client.get(urljoin(at, name))).status_code == 200
    script = (await stack.client.get(f"{at}/api.js")).text
    asked = re.findall(r' get\("([^"]+)"\)', script)
    assert asked == ["console/api/session"]
    assert (await stack.client.get(urljoin(at, asked[0]))).status_code == 403
