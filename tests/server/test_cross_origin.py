"""Calls from browsers' pages: who may, and what they may send and read."""

import pytest

from tests.server.stack import Stack, chat

pytestmark = pytest.mark.anyio

PAGE = {"Origin": "http://page"}
SENT_BY_OPENAIS_CLIENT = (
    "authorization,content-type,idempotency-key,openai-organization,openai-project,x-stainless-arch,"
    "x-stainless-async,x-stainless-helper-method,x-stainless-lang,x-stainless-os,x-stainless-package-version,"
    "x-stainless-retry-count,x-stainless-runtime,x-stainless-runtime-version,x-stainless-timeout"
)


@pytest.mark.settings(cors_origins=["http://page"])
@pytest.mark.parametrize("headers", ["", "authorization", "x-of-a-client-to-come", SENT_BY_OPENAIS_CLIENT])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_a_named_origin_may_send_whatever_its_client_sends(
    stack: Stack, method: str, headers: str
) -> None:
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Private-Network": "true"}
    if headers:
        asked["Access-Control-Request-Headers"] = headers
    response = await stack.client.options("/v1/chat/completions", headers=PAGE | asked)
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == "http://page"
    assert method in response.headers["access-control-allow-methods"]
    assert response.headers.get("access-control-allow-headers", "") == headers
    assert response.headers["access-control-allow-private-network"] == "true"
    assert "access-control-allow-credentials" not in response.headers


@pytest.mark.settings(cors_origins=["http://page"])
async def test_a_named_origin_may_read_whatever_is_answered(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [
        await stack.client.post("/v1/chat/completions", json=chat("hi", stream=stream), headers=PAGE)
        for stream in (False, True)
    ]
    answers.append(await stack.client.get("/v1/chat/completions", headers=PAGE))
    answers.append(await stack.client.get("/nowhere", headers=PAGE))
    stack.upstream.mark_unavailable("the engine is restarting")
    answers.append(await stack.client.post("/v1/chat/completions", json=chat("hi"), headers=PAGE))
    # What nobody expects.
    monkeypatch.setattr(stack.fleet.models.first.engines, "clients", ())
    answers.append(await stack.client.get("/metrics/engine", headers=PAGE))
    assert [answer.status_code for answer in answers] == [200, 200, 405, 404, 503, 500]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == "http://page"
        assert answer.headers["access-control-expose-headers"] == "*"


@pytest.mark.settings(cors_origins=["http://page"])
async def test_another_origin_may_neither_send_nor_read(stack: Stack) -> None:
    other = {"Origin": "http://other", "Access-Control-Request-Method": "POST"}
    refused = await stack.client.options("/v1/chat/completions", headers=other)
    answered = await stack.client.get("/health", headers=other)
    assert refused.status_code == 400
    for response in (refused, answered):
        assert "access-control-allow-origin" not in response.headers


async def test_no_origin_may_by_default(stack: Stack) -> None:
    preflight = {"Origin": "http://page", "Access-Control-Request-Method": "POST"}
    assert (await stack.client.options("/v1/chat/completions", headers=preflight)).status_code == 405
    response = await stack.client.post("/v1/chat/completions", json=chat("hi"), headers=preflight)
    assert not [name for name in response.headers if name.startswith("access-control")]
