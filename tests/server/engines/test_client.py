"""What engines are asked for on every call: answers as they are, without a content coding."""

import pytest

from lethe.server.errors import EngineFailed, OperatorError
from tests.server.stack import Stack, chat, error_of

pytestmark = pytest.mark.anyio

PATH = "/v1/chat/completions"


async def test_every_call_asks_for_what_is_not_compressed(stack: Stack) -> None:
    stack.engine.refuses_adapters = "it is asked all the same"
    for stream in (False, True):
        await stack.client.post(PATH, json=chat("hi", stream=stream))
    await stack.client.post("/v1/completions", json={"prompt": [1, 2]})
    await stack.client.get("/metrics/engine")
    await stack.upstream.healthy()
    await stack.upstream.administer("/v1/load_lora_adapter", {"lora_name": "an-adapter", "lora_path": "/"})
    paths = {path for path, _ in stack.engine.accepted}
    assert {"/health", "/v1/models", "/metrics", PATH, "/detokenize", "/v1/load_lora_adapter"} <= paths
    assert {accepted for _, accepted in stack.engine.accepted} == {"identity"}


async def test_an_ingress_that_compresses_when_asked_changes_nothing(stack: Stack) -> None:
    plain = [(await stack.client.post(PATH, json=chat("hi", stream=stream))).text for stream in (False, True)]
    stack.engine.compresses = "if asked"
    await stack.upstream.learn_facts()
    for stream, answer in zip((False, True), plain, strict=True):
        assert (await stack.client.post(PATH, json=chat("hi", stream=stream))).text == answer
    assert "vllm:" in (await stack.client.get("/metrics/engine")).text


@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_compressed_all_the_same_is_a_502_that_says_so(stack: Stack, stream: bool) -> None:
    stack.engine.compresses = "always"
    for response in (
        await stack.client.post(PATH, json=chat("hi", stream=stream)),
        await stack.client.get("/metrics/engine"),
    ):
        assert response.status_code == 502
        assert "compressed (gzip)" in error_of(response)["message"]
    assert stack.upstream.in_flight == 0
    stack.engine.compresses = "never"
    assert (await stack.client.post(PATH, json=chat("hi", stream=stream))).status_code == 200


async def test_operators_are_told_where_to_switch_compression_off(stack: Stack) -> None:
    stack.engine.refuses_adapters = "it is asked all the same"
    stack.engine.compresses = "always"
    with pytest.raises(OperatorError, match=rf"gzip.*{stack.upstream.label}"):
        await stack.upstream.learn_facts()
    with pytest.raises(EngineFailed, match="gzip"):
        await stack.upstream.administer("/v1/load_lora_adapter", {"lora_name": "x", "lora_path": "/"})
