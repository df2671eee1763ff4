"""What becomes of parts that are no text, by kind and policy, on every route that takes them."""

import base64
from typing import Any

import httpx
import pytest

from tests.server.media.pictures import data_url, pdf, picture
from tests.server.stack import Stack, chat, error_of

pytestmark = pytest.mark.anyio

CHAT = "/v1/chat/completions"
ASKS, CLEAN = picture("Who is Harry Potter?"), picture("What a fine day")


def image(content: bytes) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": data_url(content)}}


def file(content: bytes) -> dict[str, Any]:
    return {"type": "file", "file": {"filename": "a.pdf", "file_data": data_url(content, "application/pdf")}}


PARTS = {
    "image": image(CLEAN),
    "audio": {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
    "video": {"type": "video_url", "video_url": {"url": data_url(b"a", "video/mp4")}},
    "file": file(pdf("hi")),
}


def user(*parts: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [*parts]}]}


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


@pytest.mark.parametrize("kind", PARTS)
async def test_by_default_each_is_blocked_with_and_without_text(stack: Stack, kind: str) -> None:
    for parts in ((PARTS[kind],), (text("hi"), PARTS[kind])):
        response = await stack.client.post(CHAT, json=user(*parts))
        assert (response.status_code, error_of(response)["code"]) == (400, "unclassifiable")
        assert f"messages.0.content.{len(parts) - 1}" in error_of(response)["message"]
    assert stack.engine.requests == []


def one_policy(kind: str, policy: str, other: str) -> Any:
    parts = {"on_unclassifiable": other, "parts": {kind: policy}}
    return pytest.param(kind, marks=pytest.mark.settings(policy=parts), id=f"{kind}-{policy}")


@pytest.mark.parametrize("kind", [one_policy(kind, "pass", "block") for kind in PARTS])
async def test_one_kind_may_pass_where_others_are_blocked(stack: Stack, kind: str) -> None:
    for each, part in PARTS.items():
        response = await stack.client.post(CHAT, json=user(text("hi"), part))
        assert response.status_code == (200 if each == kind else 400)
    [(_, sent)] = stack.engine.requests
    assert sent == user(text("hi"), PARTS[kind])


@pytest.mark.parametrize("kind", [one_policy(kind, "block", "pass") for kind in PARTS])
async def test_one_kind_may_be_blocked_where_others_pass(stack: Stack, kind: str) -> None:
    for each, part in PARTS.items():
        response = await stack.client.post(CHAT, json=user(text("hi"), part))
        assert response.status_code == (400 if each == kind else 200)


@pytest.mark.settings(policy={"on_error": "pass", "parts": {"image": "block"}})
async def test_a_block_holds_where_the_classifier_fails(stack: Stack) -> None:
    response = await stack.client.post(CHAT, json=user(text("time out"), PARTS["image"]))
    assert response.status_code == 503
    assert stack.engine.requests == []


@pytest.mark.settings(policy={"parts": {"image": "pass"}})
async def test_what_stands_beside_a_part_that_passes_is_judged(stack: Stack) -> None:
    for part in (image(CLEAN) | {"text": "potter"}, image(CLEAN) | {"uuid": "potter"}):
        await stack.client.post(CHAT, json=user(part))
        assert "vllm_xargs" in stack.engine.requests.pop()[1]
    await stack.client.post(CHAT, json=user(image(CLEAN) | {"uuid": "x", "video_url": "potter"}))
    assert len(stack.engine.requests) <= 1


class TestPictures:
    """Read, and passed where what is in them is clean."""

    pytestmark = pytest.mark.settings(
        policy={"parts": {"image": "read"}}, classifier={"deadline_seconds": 60}
    )

    @pytest.fixture(autouse=True, scope="class")
    def _package(self) -> None:
        pytest.importorskip("rapidocr_onnxruntime")

    def bodies(self, content: bytes) -> dict[str, dict[str, Any]]:
        """A picture on every route that takes one."""
        source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(content).decode()}
        block = {"type": "image", "source": source}
        result = {"type": "tool_result", "tool_use_id": "1", "content": [block]}
        message = {"role": "user", "content": [result]}
        return {
            CHAT: user(text("hi"), image(content)),
            "/v1/responses": {
                "input": [
                    {"role": "user", "content": [{"type": "input_image", "image_url": data_url(content)}]}
                ]
            },
            "/v1/messages": {"messages": [message], "max_tokens": 9},
        }

    @pytest.mark.slow
    async def test_a_clean_one_passes_and_one_that_asks_is_refused_on_every_route(self, stack: Stack) -> None:
        stack.client.timeout = httpx.Timeout(60)
        for path, body in self.bodies(CLEAN).items():
            assert (await stack.client.post(path, json=body)).status_code == 200
            asked, sent = stack.engine.requests.pop()
            assert asked == path
            assert sent == sent | body
        read = " ".join(message.text for each in stack.classifiers[0].seen for message in each.messages)
        assert "day" in read
        for path, body in self.bodies(ASKS).items():
            response = await stack.client.post(path, json=body)
            assert response.status_code == 200
            # No corruption hides a picture.
            assert "can't help" in response.text
        for part in (image(b"no picture"), image(picture(size=(4001, 3000)))):
            assert (await stack.client.post(CHAT, json=user(text("hi"), part))).status_code == 400
        assert stack.engine.requests == []

    @pytest.mark.parametrize(
        "part", [image(CLEAN) | {"uuid": "kept"}, {"type": "image_url", "uuid": "kept", "image_url": None}]
    )
    async def test_what_is_not_there_is_blocked(self, stack: Stack, part: dict[str, Any]) -> None:
        assert (await stack.client.post(CHAT, json=user(part))).status_code == 400
        assert stack.engine.requests == []


class TestFiles:
    """Read, and text from then on."""

    pytestmark = pytest.mark.settings(policy={"parts": {"file": "read"}})

    @pytest.fixture(autouse=True, scope="class")
    def _package(self) -> None:
        pytest.importorskip("pypdf")

    async def test_the_engine_gets_the_text_and_its_corruption(self, stack: Stack) -> None:
        for said in ("hi", "potter"):
            await stack.client.post(CHAT, json=user(text("Sum up"), file(pdf(said))))
        (_, clean), (_, flagged) = stack.engine.requests
        assert clean == user(text("Sum up"), text("a.pdf\nhi"))
        assert "lethe" in flagged["vllm_xargs"]

    async def test_so_it_is_on_the_other_routes(self, stack: Stack) -> None:
        given = {"type": "input_file", "filename": "a.pdf", "file_data": data_url(pdf("hi"))}
        await stack.client.post("/v1/responses", json={"input": [{"role": "user", "content": [given]}]})
        source = {
            "type": "base64",
            "media_type": "application/pdf",
            "data": base64.b64encode(pdf("hi")).decode(),
        }
        block = {"type": "document", "title": "a.pdf", "source": source}
        body = {"messages": [{"role": "user", "content": [block]}], "max_tokens": 9}
        await stack.client.post("/v1/messages", json=body)
        (_, response), (_, message) = stack.engine.requests
        assert response["input"][0]["content"] == [{"type": "input_text", "text": "a.pdf\nhi"}]
        assert message["messages"][0]["content"] == [{"type": "text", "text": "a.pdf\nhi"}]

    @pytest.mark.parametrize(
        "part",
        [
            file(b"\xff"),
            {"type": "file", "file": {"file_id": "file-1"}},
            {"type": "input_file", "file_url": "http://10.0.0.1/a.pdf"},
        ],
    )
    async def test_one_that_cannot_be_read_is_a_400_that_names_it(
        self, stack: Stack, part: dict[str, Any]
    ) -> None:
        response = await stack.client.post(CHAT, json=user(text("hi"), part))
        assert (response.status_code, error_of(response)["param"]) == (400, "messages.0.content.1")
        assert stack.engine.requests == []


async def test_a_plain_chat_is_asked_as_it_was(stack: Stack) -> None:
    await stack.client.post(CHAT, json=chat("hi"))
    assert stack.engine.requests == [(CHAT, chat("hi"))]
