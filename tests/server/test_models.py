"""``/v1/models``: the base model as vLLM describes it, and nothing of adapters or of where weights are kept."""

import pytest
from openai import AsyncOpenAI, NotFoundError

from tests.server.stack import MODEL, Stack, card, error_of

pytestmark = pytest.mark.anyio


async def anew(stack: Stack, name: str, root: str) -> None:
    """Have an engine in place of the other, under a name and from a root."""
    stack.engine.served, stack.engine.root = name, root
    await stack.upstream.learn_facts()


async def test_models_is_what_vllm_says_of_the_base_model_alone(stack: Stack) -> None:
    response = await stack.client.get("/v1/models")
    described = card(MODEL, root=MODEL, max_model_len=2048)
    assert response.json() == {"object": "list", "data": [described]}
    assert (await stack.client.get(f"/v1/models/{MODEL}")).json() == described


@pytest.mark.parametrize(
    ("root", "shown"),
    [
        ("org/other", "org/other"),
        ("gpt2", "gpt2"),
        ("/mnt/weights/secret-project", "a-name"),
        ("./weights", "a-name"),
        ("../weights", "a-name"),
        ("~/weights", "a-name"),
        ("data/weights/model", "a-name"),
        ("C:\\weights\\model", "a-name"),
        ("s3://bucket/model", "a-name"),
        ("", "a-name"),
    ],
)
async def test_where_the_weights_are_kept_is_not_told(stack: Stack, root: str, shown: str) -> None:
    await anew(stack, "a-name", root)
    for path in ("/v1/models", "/v1/models/a-name"):
        response = await stack.client.get(path)
        assert response.json().get("data", [response.json()])[0]["root"] == shown
        assert "weights" not in response.text


@pytest.mark.parametrize("name", ["a-name", "org/model", "org/group/model", "org/model v1.0:q4"])
async def test_a_model_is_had_by_openais_client_whatever_its_name(stack: Stack, name: str) -> None:
    await anew(stack, name, "/weights")
    async with AsyncOpenAI(base_url=f"{stack.client.base_url}/v1", api_key="none", max_retries=0) as client:
        assert (await client.models.retrieve(name)).id == name
        assert [model.id async for model in client.models.list()] == [name]


@pytest.mark.parametrize("name", ["an-adapter", "org/other", "org", "org/model/", "org/model/x", ""])
async def test_another_model_is_unknown_an_adapter_for_one(stack: Stack, name: str) -> None:
    response = await stack.client.get(f"/v1/models/{name}")
    assert response.status_code == 404
    error = error_of(response)
    assert (error["type"], error["code"], error["param"]) == (
        "invalid_request_error",
        "model_not_found",
        "model",
    )
    assert MODEL in error["message"]


async def test_openais_client_is_told_of_an_unknown_model(stack: Stack) -> None:
    async with AsyncOpenAI(base_url=f"{stack.client.base_url}/v1", api_key="none", max_retries=0) as client:
        with pytest.raises(NotFoundError, match="org/other"):
            await client.models.retrieve("org/other")


@pytest.mark.parametrize("path", ["/v1/models", f"/v1/models/{MODEL}"])
async def test_while_no_engine_has_answered_there_is_no_list_that_clients_could_keep(
    stack: Stack, path: str
) -> None:
    stack.upstream.facts = None
    stack.upstream.mark_unavailable("the engine is starting")
    response = await stack.client.get(path)
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert "starting" in error_of(response)["message"]


async def test_an_engine_that_is_gone_for_a_while_is_still_listed(stack: Stack) -> None:
    stack.upstream.mark_unavailable("the engine is restarting")
    assert (await stack.client.get("/v1/models")).json()["data"][0]["id"] == MODEL
