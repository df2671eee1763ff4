"""Of a part that names several things, what is read is what the engine takes."""

import base64
from typing import Any

import pytest

from lethe.server.endpoints.media_parts import media_parts, with_parts
from lethe.server.errors import BadRequest
from tests.growth import LINEAR, growth

READ, OTHER = base64.b64encode(b"read").decode(), base64.b64encode(b"other").decode()


def of(part: dict[str, Any]) -> bytes:
    (found,) = media_parts({"messages": [{"role": "user", "content": [part]}]}, ("messages",))
    return found.content()


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{READ}"}},
        {"type": "image_url", "image_url": {"url": READ, "data": OTHER}, "source": {"data": OTHER}},
        {"type": "input_image", "image_url": READ, "input_image": {"url": OTHER}},
        {"type": "image", "source": {"type": "base64", "data": READ, "url": OTHER}},
        {"type": "image", "source": {"type": "url", "data": OTHER, "url": READ}},
        {"type": "image", "source": {"data": READ}, "image_url": OTHER},
        {"type": "file", "file": {"file_data": READ}, "file_data": OTHER},
        {"type": "input_file", "file_data": READ, "file": {"file_data": OTHER}},
    ],
)
def test_it_is_what_its_type_says(part: dict[str, Any]) -> None:
    assert of(part) == b"read"


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url"},
        {"type": "image_url", "image_url": {"url": READ}, "uuid": "kept"},
        {"type": "image_url", "image_url": {"url": "data:image/png,abc"}},
        {"type": "image", "source": []},
        {"type": "file", "file": {"file_id": "file-1"}},
    ],
)
def test_what_carries_nothing_is_refused(part: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match="base64"):
        of(part)


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ({"image_url": {"url": READ}}, "image"),
        ({"type": None, "video_url": READ}, "video"),
        ({"type": "input_audio", "input_audio": {}, "image_url": READ, "uuid": "a"}, "image"),
        ({"type": "input_audio", "input_audio": {}, "image_url": READ}, "audio"),
        ({"type": "video_url", "uuid": "a"}, "video"),
    ],
)
def test_it_is_of_the_kind_that_the_engine_reads_it_as(part: dict[str, Any], kind: str) -> None:
    (found,) = media_parts({"messages": [{"role": "user", "content": [part]}]}, ("messages",))
    assert found.kind == kind
    assert READ not in found.said_besides() or kind == "audio"


@pytest.mark.parametrize(
    "part", [{"type": "text", "text": "a"}, {"text": "a"}, {"type": []}, {"type": "other"}, "a"]
)
def test_what_is_text_or_nothing_known_is_left_where_it_is(part: Any) -> None:
    assert not list(media_parts({"messages": [{"content": [part]}]}, ("messages",)))


def test_parts_are_found_in_contents_outputs_and_results_alone() -> None:
    image = {"type": "image", "source": {}}
    body = {
        "messages": [
            {"role": "user", "type": "file", "content": ["text", image]},
            {"role": "user", "content": [{"type": "tool_result", "content": [image]}]},
            {"type": "function_call_output", "output": [image]},
            {"role": "user", "content": "image", "parts": [image]},
        ],
        "other": [{"content": [image]}],
    }
    places = [part.place for part in media_parts(body, ("messages", "absent"))]
    assert places == ["messages.0.content.1", "messages.1.content.0.content.0", "messages.2.output.0"]


def test_a_body_with_other_parts_leaves_the_first_as_it_was() -> None:
    body = {"messages": [{"content": [{"type": "file"}, "b"]}, {"content": "c"}]}
    changed = with_parts(body, {("messages", 0, "content", 0): {"type": "text"}})
    assert changed == {"messages": [{"content": [{"type": "text"}, "b"]}, {"content": "c"}]}
    assert body["messages"][0]["content"] == [{"type": "file"}, "b"]
    assert changed["messages"][1] is body["messages"][1]


def test_many_parts_take_as_long_as_they_are_many() -> None:
    def body(number: int) -> dict[str, Any]:
        return {"messages": [{"role": "user", "content": [{"type": "image"}] * number}]}

    def change(given: dict[str, Any]) -> None:
        with_parts(given, {part.path: part.as_text("") for part in media_parts(given, ("messages",))})

    assert growth(body, change, 2000) < LINEAR
