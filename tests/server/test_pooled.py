"""What a pooling engine is asked is judged and recorded, and passed as it is, or refused as the policy says."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from lethe.bundle import Action
from lethe.server.endpoints import GUARDED
from tests.server.stack import MODEL, POOLED, Stack, error_of, write_target

pytestmark = pytest.mark.anyio

ASKED_AT = {path: endpoint.path for endpoint in GUARDED for path in (endpoint.path, *endpoint.aliases)}


def flagged(body: dict[str, Any]) -> dict[str, Any]:
    return body | {next(iter(body)): "potter"}


@pytest.mark.parametrize("path", POOLED)
async def test_it_is_judged_counted_and_passed_as_it_is(stack: Stack, path: str) -> None:
    body = flagged(POOLED[path]) | {"model": MODEL, "priority": 1}
    assert (await stack.client.post(path, json=body)).status_code == 200
    assert stack.engine.requests == [(ASKED_AT[path], body)]
    assert await stack.metric(f'lethe_requests_total{{action="observe",endpoint="{path}"') == 1


@pytest.mark.settings(policy={"on_pooled": "refuse"})
@pytest.mark.parametrize("path", POOLED)
async def test_what_is_flagged_is_refused_where_the_operator_says_so(stack: Stack, path: str) -> None:
    response = await stack.client.post(path, json=flagged(POOLED[path]))
    assert response.status_code == 400
    assert error_of(response)["code"] == "content_filter"
    assert "can't help" in error_of(response)["message"]
    assert stack.engine.requests == []
    assert (await stack.client.post(path, json=POOLED[path])).status_code == 200
    assert await stack.metric(f'lethe_requests_total{{action="refuse",endpoint="{path}"') == 1


@pytest.mark.settings(policy={"on_pooled": "refuse"})
async def test_a_target_that_only_observes_refuses_nothing(stack: Stack, targets: Path) -> None:
    write_target(targets, "books", Action.OBSERVE)
    await stack.guard.load()
    assert (await stack.client.post("/rerank", json=flagged(POOLED["/rerank"]))).status_code == 200


@pytest.mark.settings(policy={"on_pooled": "refuse"})
async def test_a_count_is_passed_all_the_same(stack: Stack) -> None:
    body = {"messages": [{"role": "user", "content": "potter"}]}
    assert (await stack.client.post("/v1/messages/count_tokens", json=body)).status_code == 200


async def test_bytes_keep_the_header_that_tells_them_apart(stack: Stack) -> None:
    stack.engine.error = web.Response(
        body=b"\x00\x01", content_type="application/octet-stream", headers={"metadata": '{"data":[]}'}
    )
    response = await stack.client.post("/v1/embeddings", json={"input": "hi", "encoding_format": "bytes"})
    assert (response.content, response.headers["metadata"]) == (b"\x00\x01", '{"data":[]}')


async def test_an_image_is_blocked_here_too(stack: Stack) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    body = {"messages": [{"role": "user", "content": [image]}]}
    response = await stack.client.post("/v1/embeddings", json=body)
    assert error_of(response)["code"] == "unclassifiable"
    assert stack.engine.requests == []
