"""Text in pictures, by RapidOCR, whose package brings its models (PP-OCRv4, for Chinese and Latin letters).

Needs the extra ``media``. A picture is opened as vLLM 0.32 opens it for the model (``vllm/multimodal/media/image.py``): the
first frame, turned as its EXIF data says, on white.
"""

import io
from collections.abc import Callable
from functools import cache
from typing import Any

from lethe.server.media.errors import Unread

# What does not look like letters is left to the classifier: it reads odd text, where what is left out passes.
_LEAST_CONFIDENCE = 0.3
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")


def image_text(content: bytes, max_pixels: int) -> str:
    """The lines of text in a picture, from top to bottom; empty if there are none.

    Raises
    ------
    Unread
        It is no picture of a common format, or has more pixels than ``max_pixels``.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    # The check of its own would only warn.
    Image.MAX_IMAGE_PIXELS = None
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise Unread(f"has {width} x {height} pixels, more than {max_pixels}")
            shown = ImageOps.exif_transpose(image)
            if shown.has_transparency_data:
                shown = shown.convert("RGBA")
                white = Image.new("RGBA", shown.size, "white")
                shown = Image.alpha_composite(white, shown)
            found = load_models()(shown.convert("RGB"))
    except UnidentifiedImageError:
        raise Unread(f"is none of {', '.join(_FORMATS)}") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise Unread(f"cannot be decoded ({error})") from None
    return "\n".join(line[1] for line in found)


@cache
def load_models() -> Callable[[Any], list[Any]]:
    """What finds lines of text in an image: for each its corners, its text and how sure that is."""
    import numpy as np
    from rapidocr_onnxruntime import RapidOCR

    reader = RapidOCR(text_score=_LEAST_CONFIDENCE, intra_op_num_threads=1, inter_op_num_threads=1)
    # It takes blue first.
    return lambda image: reader(np.ascontiguousarray(np.asarray(image)[:, :, ::-1]))[0] or []
