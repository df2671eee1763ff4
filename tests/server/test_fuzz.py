"""Whatever is sent, nothing fails inside and nothing malformed reaches the engine; ``make fuzz`` sends far more."""

import asyncio
import functools
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest

from bench.fuzz.checking_engine import malformed
from tests.server.stack import MODEL, Stack

pytestmark = pytest.mark.anyio


@pytest.fixture
def console() -> bool:
    return True


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A file for keys."""
    return tmp_path / "keys.yaml"


@pytest.mark.slow
async def test_requests_made_from_the_openapi_document(key: str, stack: Stack) -> None:
    # Each of several processes reads every file of tests, and one of them needs this.
    from bench.fuzz.generated import fuzz

    document = (await stack.client.get("/openapi.json")).json()
    url = f"http://127.0.0.1:{stack.port}"
    ask = functools.partial(fuzz, document, url, key, 40, repeatable=True)
    # What is drawn depends on the constants of all modules that are loaded; in a process of its own these are always the same.
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        seen = await asyncio.get_running_loop().run_in_executor(process, ask)
    assert seen.faults == []
    for (path, body), headers in zip(stack.engine.requests, stack.engine.headers, strict=True):
        lowered = {name.lower(): value for name, value in headers.items()}
        assert malformed(path, lowered, orjson.dumps(body), MODEL) is None
    asked = {path for path, _ in stack.engine.requests}
    assert asked == {
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/responses",
        "/v1/embeddings",
        "/score",
        "/rerank",
        "/pooling",
        "/classify",
        "/v1/messages",
        "/v1/messages/count_tokens",
        "/tokenize",
    }
    assert seen.statuses["/detokenize", 200]
    assert seen.statuses["/console/api/guarded", 200]
    assert seen.statuses["/console/api/classify", 200]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "tool", "content": [{"type": []}]}]}),
        ("/v1/responses", {"input": [{"type": []}]}),
        ("/v1/responses", {"input": [{"role": "user", "content": [{"type": {}}]}]}),
        ("/v1/completions", {"prompt": [-1]}),
        ("/v1/completions", {"prompt": [2**40]}),
    ],
)
async def test_what_fuzzing_found_is_refused(key: str, stack: Stack, path: str, body: dict[str, Any]) -> None:
    response = await stack.client.post(path, json=body, headers={"Authorization": f"Bearer {key}"})
    assert response.status_code == 400
    assert stack.engine.requests == []


@pytest.mark.parametrize(
    ("path", "body", "fault"),
    [
        ("/tokenize", b'{"prompt":3}', "has 3"),
        ("/tokenize", b'{"messages":[{"role":"wizard"}]}', "message"),
        ("/tokenize", b'{"prompt":"hi","chat_template":"x"}', "chat_template"),
        ("/v1/chat/completions", b"{", "no JSON"),
        ("/v1/chat/completions", b'{"a":1,"a":2}', "a key stands twice"),
        ("/v1/chat/completions", b'{"a":NaN}', "NaN"),
        ("/v1/chat/completions", b'{"messages":[{"role":"user","content":3}]}', "content"),
        ("/v1/chat/completions", b'{"chat_template":"x","messages":[{"role":"user"}]}', "chat_template"),
        ("/v1/chat/completions", b'{"vllm_xargs":{"x":1},"messages":[{"role":"user"}]}', "xargs"),
        ("/v1/chat/completions", b'{"model":"an-adapter","messages":[{"role":"user"}]}', "an-adapter"),
        ("/v1/responses", b'{"input":"hi"}', "is kept"),
        ("/v1/completions", b'{"prompt":{"a":1}}', "has"),
        ("/v1/messages", b'{"messages":[{"role":"tool","content":"hi"}]}', "message"),
        ("/v1/messages", b'{"messages":[{"role":"user","content":[{"type":"document"}]}]}', "block"),
        (
            "/v1/messages/count_tokens",
            b'{"messages":[{"role":"user","content":[{"type":"image","source":{"url":"http://a"}}]}]}',
            "fetches",
        ),
        ("/v1/rerank", b"{}", "came to"),
    ],
)
def test_the_rules_that_this_is_judged_by_see_faults(path: str, body: bytes, fault: str) -> None:
    found = malformed(path, {"x-request-id": "0" * 32}, body)
    assert found is not None
    assert fault in found
