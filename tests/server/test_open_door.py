"""Without a file of keys everybody may use and observe, and nobody may administer."""

import pytest

from tests.server.stack import Stack, chat

pytestmark = pytest.mark.anyio


async def test_everybody_may_use_and_observe_and_nobody_may_administer(stack: Stack) -> None:
    assert (await stack.client.post("/v1/chat/completions", json=chat("hi"))).status_code == 200
    assert (await stack.client.get("/metrics")).status_code == 200
    for method, path in [("GET", "/admin/targets"), ("POST", "/admin/reload")]:
        headers = {"Authorization": "Bearer anything"}
        assert (await stack.client.request(method, path, headers=headers)).status_code == 403


async def test_nobody_may_ask_for_verdicts_alone(stack: Stack) -> None:
    answer = await stack.client.post("/v1/checks", json=chat("hi"))
    assert answer.status_code == 403
