"""HTTP's semantics of methods, on every route there is."""

import pytest

from tests.server.stack import Stack

pytestmark = pytest.mark.anyio

HIDDEN = {"/openapi.json": {"get"}, "/console": {"get"}, "/console/index.html": {"get"}}


@pytest.fixture
def console() -> bool:
    return True


async def served(stack: Stack) -> dict[str, set[str]]:
    """Every path that is served, something in place of its parameters, with its methods."""
    document = (await stack.client.get("/openapi.json")).json()
    return {
        path.replace("{", "").replace("}", ""): set(of) for path, of in document["paths"].items()
    } | HIDDEN


async def test_head_is_answered_wherever_get_is_without_a_body(stack: Stack) -> None:
    readable = [path for path, methods in (await served(stack)).items() if "get" in methods]
    assert {"/health", "/ready", "/v1/models", "/metrics", "/admin/targets"} < set(readable)
    for path in readable:
        get, head = await stack.client.get(path), await stack.client.head(path)
        assert (head.status_code, head.content) == (get.status_code, b""), path
        assert head.headers["content-type"] == get.headers["content-type"]
        assert head.headers["content-length"]


async def test_a_connection_is_usable_after_head(stack: Stack) -> None:
    # Both go over the client's one connection, where a body that came all the same would be read as the next answer.
    for path in ("/health", "/metrics", "/nowhere", "/v1/chat/completions"):
        await stack.client.head(path)
        assert (await stack.client.get("/health")).json() == {"status": "ok"}


async def test_what_a_path_is_not_served_with_is_a_405_that_says_with_what_it_is(stack: Stack) -> None:
    for path, methods in (await served(stack)).items():
        allowed = {method.upper() for method in methods} | ({"HEAD"} if "get" in methods else set())
        for method in {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} - allowed:
            response = await stack.client.request(method, path)
            assert (response.status_code, path, method) == (405, path, method)
            assert set(response.headers["allow"].split(", ")) == allowed
            if method != "HEAD":
                assert response.json()["error"]["type"] == "invalid_request_error"
