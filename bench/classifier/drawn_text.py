"""Texts drawn as pictures, in the ways in which people send them, and in some that OCR finds hard.

Knows drawing; knows nothing about what is read of it.
"""

import io
import random
import textwrap
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

_FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
_MARGIN = 40
_COLUMNS = 36


@dataclass(frozen=True)
class Drawing:
    """A way to draw a text.

    Attributes
    ----------
    font
        A file of matplotlib's.
    size
        In pixels.
    ink, paper
        Colours.
    degrees
        By how much it is turned, counter-clockwise.
    blur
        Radius in pixels.
    noise
        Standard deviation of what is added to each pixel's values, of 255.
    quality
        Of JPEG; None for PNG.
    amid
        Whether it is a line of a picture that is full of shapes.
    """

    name: str
    font: str = "DejaVuSans.ttf"
    size: int = 28
    ink: str = "black"
    paper: str = "white"
    degrees: float = 0
    blur: float = 0
    noise: float = 0
    quality: int | None = None
    amid: bool = False

    def draw(self, text: str) -> bytes:
        """The picture of a text as a file; the same for the same text."""
        font = ImageFont.truetype(_FONTS / self.font, self.size)
        lines = "\n".join(textwrap.wrap(text, _COLUMNS))
        left, top, right, bottom = ImageDraw.Draw(Image.new("RGB", (1, 1))).multiline_textbbox(
            (0, 0), lines, font
        )
        size = (int(right - left) + 2 * _MARGIN, int(bottom - top) + 2 * _MARGIN)
        image = Image.new("RGB", size, self.paper)
        canvas = ImageDraw.Draw(image)
        chance = random.Random(text)
        if self.amid:
            _draw_shapes(canvas, size, chance)
        canvas.multiline_text((_MARGIN - left, _MARGIN - top), lines, self.ink, font)
        image = image.rotate(self.degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=self.paper)
        if self.blur:
            image = image.filter(ImageFilter.GaussianBlur(self.blur))
        if self.noise:
            seen = np.random.default_rng(chance.getrandbits(32)).normal(0, self.noise, (*image.size[::-1], 3))
            image = Image.fromarray(np.clip(np.asarray(image) + seen, 0, 255).astype(np.uint8))
        content = io.BytesIO()
        if self.quality is None:
            image.save(content, "PNG")
        else:
            image.save(content, "JPEG", quality=self.quality)
        return content.getvalue()


def _draw_shapes(canvas: ImageDraw.ImageDraw, size: tuple[int, int], chance: random.Random) -> None:
    for _ in range(40):
        x, y = chance.randrange(size[0]), chance.randrange(size[1])
        extent = chance.randrange(10, 90)
        colour = tuple(chance.randrange(150, 256) for _ in range(3))
        canvas.ellipse((x, y, x + extent, y + extent // 2), fill=colour)


DRAWINGS = (
    Drawing("as a screenshot"),
    Drawing("serif", font="DejaVuSerif.ttf"),
    Drawing("italic", font="STIXGeneralItalic.ttf"),
    Drawing("monospace", font="DejaVuSansMono-Bold.ttf"),
    Drawing("as print", font="cmr10.ttf"),
    Drawing("12 pixels", size=12),
    Drawing("9 pixels", size=9),
    Drawing("72 pixels", size=72),
    Drawing("light on dark", ink="white", paper="#202030"),
    Drawing("red on blue", ink="#ff4040", paper="#2030a0"),
    Drawing("pale grey on white", ink="#d8d8d8"),
    Drawing("amid shapes", amid=True),
    Drawing("turned by 5 degrees", degrees=5),
    Drawing("turned by 20 degrees", degrees=20),
    Drawing("turned by 90 degrees", degrees=90),
    Drawing("upside down", degrees=180),
    Drawing("blurred", blur=2.5),
    Drawing("noisy", noise=60),
    Drawing("JPEG of quality 10", quality=10),
)
