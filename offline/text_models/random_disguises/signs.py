"""Alphabets and digits that disguises are written in."""

import random
import re
import string
from collections.abc import Sequence

SMALL = string.ascii_lowercase
VOWELS, CONSONANTS = "aeiou", "bcdfghjklmnpqrstvwxyz"
UNBROKEN = string.ascii_letters + string.digits
BETWEEN = (" ", " ", " ", "-", ".", ",", ", ", "", "_", "/", "|", ":", "  ", "\n", "; ", "+", "·", "~", "*")
_BLOCKS = (
    (0x3B1, 25), (0x430, 32), (0x5D0, 27), (0x10D0, 33), (0x561, 38), (0x16A0, 75), (0x1681, 26), (0x2460, 60), (0x24D0, 26),
    (0x2500, 120), (0x2190, 100), (0x2200, 200), (0x25A0, 90), (0x2600, 200), (0x2801, 255), (0x3041, 80), (0x30A1, 80),
    (0x4E00, 3000), (0xAC00, 2000), (0x1F300, 300), (0x1F600, 70), (0x1D400, 400), (0xA000, 400), (0x1200, 300), (0x905, 50),
    (0x621, 35), (0xE01, 46), (0x13A0, 80), (0x1400, 300), (0x2C80, 100), (0x250, 90), (0xC0, 300), (0x10330, 26), (0x12000, 300),
)  # fmt: skip


def prepared(text: str, noise: random.Random) -> str:
    """The text in one case, with or without its marks and spaces."""
    if noise.random() < 0.6:
        text = text.lower()
    elif noise.random() < 0.4:
        text = text.upper()
    if noise.random() < 0.4:
        text = re.sub(r"[^\w\s]", "", text)
    return re.sub(r"\s+", "", text) if noise.random() < 0.15 else text


def alphabet_of_block(noise: random.Random, size: int = 26) -> list[str]:
    start, length = noise.choice([block for block in _BLOCKS if block[1] >= size - 1])
    if length <= size or noise.random() < 0.5:
        points = list(range(start, start + size))
    else:
        points = noise.sample(range(start, start + length), size)
    if noise.random() < 0.4:
        noise.shuffle(points)
    return list(map(chr, points))


def in_base(value: int, base: int, signs: Sequence[str], width: int) -> str:
    made = ""
    while value or len(made) < width:
        value, digit = divmod(value, base)
        made = signs[digit] + made
    return made
