"""What stands in a picture is read, as the model is shown it."""

import io

import pytest
from PIL import Image

from lethe.server.media.errors import Unread
from lethe.server.media.images import image_text
from tests.server.media.pictures import encoded, picture

pytest.importorskip("rapidocr_onnxruntime")
pytestmark = pytest.mark.slow

QUESTION = "Who is Harry Potter's best friend?"
PIXELS = 1_000_000


def read(content: bytes) -> str:
    """What is read, without spaces, of which some are lost."""
    return image_text(content, PIXELS).replace(" ", "")


def test_what_stands_in_a_picture_is_read() -> None:
    assert "HarryPotter" in read(picture(QUESTION, form="JPEG"))


def test_a_picture_of_nothing_has_no_text() -> None:
    assert read(picture()) == ""


def test_what_is_transparent_is_on_white_as_the_engine_has_it() -> None:
    black = Image.open(io.BytesIO(picture(QUESTION))).convert("L")
    shown = Image.merge("LA", (black.point(lambda _: 0), black.point(lambda value: 255 - value)))
    assert "HarryPotter" in read(encoded(shown))


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (picture(size=(1001, 1000)), "1001 x 1000 pixels"),
        (b"no picture", "none of"),
        (picture(QUESTION)[:200], "cannot be decoded"),
    ],
)
def test_what_cannot_be_read_is_told(content: bytes, fault: str) -> None:
    with pytest.raises(Unread, match=fault):
        image_text(content, PIXELS)
