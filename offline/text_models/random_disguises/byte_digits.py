"""A text's bytes in digits of some base, in some alphabet. Knows nothing about classifiers."""

import base64
import itertools
import random
import string
import zlib
from collections.abc import Sequence

from lethe.offline.text_models.random_disguises.layouts import pieces
from lethe.offline.text_models.random_disguises.signs import (
    BETWEEN,
    SMALL,
    UNBROKEN,
    alphabet_of_block,
    in_base,
)


def digits_of_bytes(text: str, noise: random.Random) -> str:
    """Each byte as a number, in some base, behind and between some marks."""
    data, base = (
        _changed_bytes(text, noise),
        noise.choice((2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10, 12, 16, 16, 20, 36)),
    )
    width = next(width for width in itertools.count(1) if base**width >= 256) if noise.random() < 0.6 else 1
    signs = string.digits + (SMALL if noise.random() < 0.7 else string.ascii_uppercase)
    before, between = noise.choice(("", "", "", "0x", "\\", "%", "#", "&#", "x")), noise.choice(BETWEEN)
    values: Sequence[int] = data
    if noise.random() < 0.15:
        values = [data[0], *(b - a for a, b in itertools.pairwise(data))]
    numbers = [
        ("-" if value < 0 else "") + before + in_base(abs(value), base, signs, width) for value in values
    ]
    if between == "" and width == 1 and not before:
        between = " "
    made = between.join(numbers)
    if noise.random() < 0.2:
        made = noise.choice(("[{}]", "({})", "{{{}}}", "bytes([{}])", '"{}"')).format(made)
    if noise.random() < 0.15:
        row = noise.choice((4, 6, 8, 16))
        made = "\n".join(between.join(numbers[at : at + row]) for at in range(0, len(numbers), row))
    return made


def own_base(text: str, noise: random.Random) -> str:
    """Bits in an alphabet of two to 128 signs, which may be in disorder."""
    bits = "".join(f"{byte:08b}" for byte in _changed_bytes(text, noise))
    size = noise.choice((1, 1, 2, 3, 4, 5, 5, 6, 6, 6))
    bits += "0" * (-len(bits) % size)
    signs: Sequence[str] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    kind = noise.randrange(4)
    if kind == 0:
        signs = noise.sample(string.digits + string.ascii_letters + "-_", 64)
    elif kind == 1:
        signs = string.digits + SMALL + string.ascii_uppercase + "-_"
    elif kind == 2 and size <= 5:
        signs = alphabet_of_block(noise, 26) + list(SMALL)
    made = "".join(signs[int(bits[at : at + size], 2)] for at in range(0, len(bits), size))
    return _broken(made, noise)


def packed_bytes(text: str, noise: random.Random) -> str:
    data = zlib.compress(text.encode())
    kind = noise.randrange(4)
    if kind == 0:
        return _broken(base64.b64encode(data[::-1]).decode(), noise)
    if kind == 1:
        return _broken(data.hex(), noise)
    if kind == 2:
        return ", ".join(map(str, data))
    return _broken(base64.b64encode(base64.b64encode(text.encode())[::-1]).decode(), noise)


def runs_of_bits(text: str, noise: random.Random) -> str:
    bits = "".join(f"{byte:0{noise.choice((7, 8))}b}" for byte in text.encode())
    return noise.choice((" ", ",", "", ", ")).join(str(len(list(run))) for _, run in itertools.groupby(bits))


def one_number(text: str, noise: random.Random) -> str:
    value, base = int.from_bytes(text.encode()), noise.choice((3, 7, 10, 10, 12, 20, 26, 31, 36, 52, 62))
    return in_base(value, base, noise.choice((string.digits + SMALL + string.ascii_uppercase, UNBROKEN)), 1)


def _changed_bytes(text: str, noise: random.Random) -> bytes:
    data = text.encode(noise.choice(("utf-8", "utf-8", "utf-8", "utf-16-le")))
    kind = noise.randrange(8)
    if kind == 0:
        key = noise.randbytes(noise.randrange(1, 9))
        return bytes(byte ^ mask for byte, mask in zip(data, itertools.cycle(key), strict=False))
    if kind == 1:
        step = noise.randrange(1, 256)
        return bytes((byte + step) % 256 for byte in data)
    if kind == 2:
        return data[::-1]
    if kind == 3:
        return data[:1] + bytes((b - a) % 256 for a, b in itertools.pairwise(data))
    return data


def _broken(signs: str, noise: random.Random) -> str:
    """A long word whole, in groups, in lines, or in pieces of a record."""
    kind = noise.randrange(6)
    if kind < 3:
        return signs
    if kind == 3:
        size = noise.randrange(2, 12)
        return noise.choice((" ", "-", ".", ", ")).join(
            signs[at : at + size] for at in range(0, len(signs), size)
        )
    if kind == 4:
        size = noise.randrange(16, 70)
        return "\n".join(signs[at : at + size] for at in range(0, len(signs), size))
    return pieces(signs, noise)
