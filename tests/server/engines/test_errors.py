"""Whatever an engine answers in place of an answer, the client gets OpenAI's error object, and no word about our key."""

import logging
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from openai import AsyncOpenAI, BadRequestError

from tests.server.stack import MODEL, Stack, chat, error_answer, error_of

pytestmark = pytest.mark.anyio

CHAT = "/v1/chat/completions"
BODIES = {
    CHAT: chat("hi"),
    "/v1/completions": {"prompt": "hi"},
    "/v1/responses": {"input": "hi"},
    "/v1/embeddings": {"input": "hi"},
}


def in_openais_form(status: int, **fields: Any) -> web.Response:
    error = {"message": "it is so", "type": "BadRequestError", "param": "seed", "code": status}
    return web.json_response({"error": error | fields}, status=status)


def html(status: int) -> web.Response:
    return web.Response(status=status, text="<html>nginx</html>", content_type="text/html")


@pytest.mark.parametrize("stream", [False, True])
async def test_an_engines_own_error_object_is_passed(stack: Stack, stream: bool) -> None:
    for engine_status, status in (
        *((400, 400), (422, 400), (409, 400), (404, 404), (501, 404), (413, 413)),
        *((429, 503), (500, 502), (502, 502), (503, 503), (504, 504), (507, 502)),
    ):
        stack.engine.error = in_openais_form(engine_status)
        response = await stack.client.post(CHAT, json=chat("hi", stream=stream))
        assert response.status_code == status
        assert response.headers["content-type"] == "application/json"
        assert error_of(response) == {
            "message": "it is so",
            "type": "BadRequestError",
            "param": "seed",
            # The engine repeats its status there, and so does this.
            "code": status,
        }


async def test_a_code_in_words_is_passed_and_what_is_no_word_is_not(stack: Stack) -> None:
    stack.engine.error = in_openais_form(400, code="context_length_exceeded", param=["a"], type=None)
    error = error_of(await stack.client.post(CHAT, json=chat("hi")))
    assert error == {
        "message": "it is so",
        "type": "invalid_request_error",
        "param": None,
        "code": "context_length_exceeded",
    }


async def test_an_error_does_not_tell_a_flagged_request_from_a_clean_one(stack: Stack) -> None:
    """vLLM counts the fields of a body that lacks one, and a flagged one has a field more."""

    async def answer(text: str) -> bytes:
        fields = len(chat(text)) + ("books" in text)
        fault = {
            "type": "missing",
            "loc": "body.max_tokens",
            "input": f"<dict of {fields} items>",
            "msg": "x",
        }
        stack.engine.error = in_openais_form(400, message=f"1 validation error:\n  {fault}")
        response = await stack.client.post(CHAT, json=chat(text))
        assert "vllm_xargs" in stack.engine.requests[-1][1] or "books" not in text
        assert "body.max_tokens" in error_of(response)["message"]
        return response.content

    assert await answer("books") == await answer("hi")


@pytest.mark.parametrize(
    "said",
    [
        {"message": "corruption refused: dims 9 of 'books' is over 8", "param": "vllm_xargs"},
        {"message": "1 validation error: {'input': {'vllm_xargs': {'lethe': 'books'}}}"},
    ],
)
async def test_what_an_engine_says_of_a_corruption_is_no_clients_concern(
    stack: Stack, said: dict[str, Any]
) -> None:
    stack.engine.error = in_openais_form(400, **said)
    response = await stack.client.post(CHAT, json=chat("books"))
    assert response.status_code == 502
    assert error_of(response) == {
        "message": "The engine failed (HTTP 400).",
        "type": "server_error",
        "param": None,
        "code": None,
    }


NO_ERROR_OBJECT = {
    "detail": lambda status: web.json_response(
        {"detail": [{"loc": ["body"], "msg": "secret"}]}, status=status
    ),
    "text": lambda status: web.json_response({"error": "secret"}, status=status),
    "message-of-another-type": lambda status: web.json_response({"error": {"message": {}}}, status=status),
    "list": lambda status: web.json_response(["secret"], status=status),
    "html": html,
    "empty": lambda status: web.Response(status=status),
    "event": lambda status: web.Response(
        status=status, text="data: secret\n\n", content_type="text/event-stream"
    ),
    "long": lambda status: web.Response(status=status, text="x" * (1 << 20)),
}


@pytest.mark.parametrize("answer", NO_ERROR_OBJECT.values(), ids=NO_ERROR_OBJECT.keys())
async def test_what_says_nothing_to_a_client_is_put_into_words(stack: Stack, answer: Any) -> None:
    for engine_status, status, said in (
        (400, 400, "refused the request"),
        (422, 400, "refused the request"),
        (413, 413, "larger"),
        (429, 503, "later"),
        (500, 502, "failed"),
        (503, 503, "later"),
        (504, 504, "in time"),
        (302, 502, "failed"),
        (202, 502, "failed"),
    ):
        for stream in (False, True):
            stack.engine.error = answer(engine_status)
            response = await stack.client.post(CHAT, json=chat("hi", stream=stream))
            assert response.status_code == status
            error = error_of(response)
            assert said in error["message"]
            assert "secret" not in error["message"]
            assert error["type"] == ("invalid_request_error" if status < 500 else "server_error")


@pytest.mark.parametrize("path", BODIES)
async def test_what_the_model_does_not_offer_is_said_so(stack: Stack, path: str) -> None:
    for answer in (
        web.json_response({"detail": "Not Found"}, status=404),
        error_answer(404, "Not Found"),
        web.Response(status=405),
        web.Response(status=501),
    ):
        stack.engine.error = answer
        response = await stack.client.post(path, json=BODIES[path])
        assert response.status_code == 404
        assert error_of(response)["message"] == f"The model that is served here does not answer {path}."
        assert error_of(response)["code"] == "unsupported_endpoint"


@pytest.mark.parametrize(("path", "status"), zip(BODIES, (401, 403, 401, 403), strict=True))
async def test_a_key_that_the_engine_refuses_is_the_operators_concern(
    stack: Stack, logged: pytest.LogCaptureFixture, path: str, status: int
) -> None:
    for _ in range(2):
        stack.engine.error = error_answer(status, "Your key sk-proxy is wrong.")
        response = await stack.client.post(path, json=BODIES[path])
        assert response.status_code == 502
        assert "key" not in error_of(response)["message"]
        assert "www-authenticate" not in response.headers
    assert await stack.metric("lethe_engine_key_refusals_total") == 2
    assert await stack.metric("lethe_engine_failures_total") == 0
    # One line, however many requests meet it.
    [(logger, level, line)] = (each for each in logged.record_tuples if "answers requests" in each[2])
    assert (logger, level) == ("lethe.engines", logging.ERROR)
    assert str(status) in line
    assert "engine.api_key" in line


@pytest.mark.parametrize("status", [400, 429, 503])
async def test_when_to_try_again_is_passed(stack: Stack, status: int) -> None:
    for value, seconds in (
        ("17", {17}),
        (format_datetime(datetime.now(UTC) + timedelta(seconds=90)), range(80, 91)),
    ):
        stack.engine.error = web.Response(status=status, headers={"Retry-After": value})
        response = await stack.client.post(CHAT, json=chat("hi"))
        assert int(response.headers["retry-after"]) in seconds


@pytest.mark.parametrize("value", ["soon", "-1", "٣", "9" * 5000, "Mon, 99 Jan 2030 00:00:00 GMT"])
async def test_a_time_that_cannot_be_read_is_left_out(stack: Stack, value: str) -> None:
    stack.engine.error = web.Response(status=400, headers={"Retry-After": value})
    assert "retry-after" not in (await stack.client.post(CHAT, json=chat("hi"))).headers


async def test_an_engine_without_time_says_when_to_come_back_and_one_that_refuses_does_not(
    stack: Stack,
) -> None:
    for status, comes_back in ((503, True), (429, True), (400, False), (500, False)):
        stack.engine.error = web.Response(status=status)
        response = await stack.client.post(CHAT, json=chat("hi"))
        assert ("retry-after" in response.headers) == comes_back


async def test_a_redirect_is_not_followed(stack: Stack) -> None:
    stack.engine.error = web.Response(status=307, headers={"Location": f"{stack.engine.url}/v1/completions"})
    assert (await stack.client.post(CHAT, json=chat("hi"))).status_code == 502
    assert len(stack.engine.requests) == 1


async def test_openais_client_raises_what_it_has_for_it(stack: Stack) -> None:
    async with AsyncOpenAI(base_url=f"{stack.client.base_url}/v1", api_key="x", max_retries=0) as client:
        for stream in (False, True):
            stack.engine.error = web.json_response({"detail": []}, status=422)
            with pytest.raises(BadRequestError, match="refused the request"):
                await client.chat.completions.create(
                    model=MODEL, messages=[{"role": "user", "content": "hi"}], stream=stream
                )


async def test_errors_are_recorded_by_the_status_that_the_client_gets(stack: Stack) -> None:
    stack.engine.error = web.Response(status=500)
    await stack.client.post(CHAT, json=chat("hi", stream=True))
    outcome = 'lethe_outcomes_total{action="pass",endpoint="/v1/chat/completions",status="502"}'
    assert await stack.metric(outcome) == 1
    assert await stack.metric("lethe_requests_in_flight") == 0
    assert await stack.metric("lethe_engine_requests_in_flight") == 0


class TestTokenizer:
    """The engine's tokenizer answers by the same rule."""

    @pytest.fixture
    def keys(self, tmp_path: Path) -> Path:
        """A file of keys."""
        return tmp_path / "keys.yaml"

    @pytest.mark.parametrize(
        ("path", "body"), [("/tokenize", {"prompt": "hi"}), ("/detokenize", {"tokens": [1]})]
    )
    async def test_its_errors_have_openais_form(
        self, key: str, stack: Stack, path: str, body: dict[str, Any]
    ) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        for engine_status, status in ((404, 404), (422, 400), (401, 502), (500, 502)):
            stack.engine.error = stack.engine.detokenized = html(engine_status)
            response = await stack.client.post(path, json=body, headers=headers)
            assert response.status_code == status
            error_of(response)
