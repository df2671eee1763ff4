"""Tables of numbers as instruments and programs write them, in every notation. Made at random; knows nothing about classifiers."""

import math
import random
from collections.abc import Callable

from lethe.offline.classifier_training.made_texts.names import Material, time

_FORMATS = (
    "{:.18e}", "{:.6e}", "{:.3e}", "{:e}", "{:.7E}", "{:.0f}", "{:.1f}", "{:.2f}", "{:.3f}", "{:.5f}", "{:.8f}", "{:.10g}", "{:g}", "{:+.3f}", "{:.15g}",
)  # fmt: skip


def measured(noise: random.Random, material: Material) -> str:
    """Rows of numbers, each column in a notation of its own or all in one, with labels or without."""
    count, between = noise.randrange(1, 12), noise.choice((",", ", ", "\t", " ", "  ", ";", "   ", " | "))
    one = _column(noise, material) if noise.random() < 0.55 else None
    columns = [one or _column(noise, material) for _ in range(count)]
    if noise.random() < 0.4:
        labels = [material.name(noise) for _ in range(noise.randrange(1, 4))]
        columns.insert(noise.choice((0, len(columns))), lambda row: noise.choice(labels))
    width = noise.choice((0, 0, 8, 12, 16, 24))
    rows = [
        between.join(column(row).rjust(width) for column in columns) for row in range(noise.randrange(3, 60))
    ]
    if noise.random() < 0.3:
        rows.insert(0, between.join(noise.choice(material.words) for _ in columns))
    if noise.random() < 0.15:
        rows.insert(0, f"{noise.choice('#%;!')} {material.sentence(noise, 80)}")
    frame = noise.choice(("{}", "{}", "{}", "[{}]", "{} \\", "{},", "({}),", "    {}"))
    return "\n".join(map(frame.format, rows))


def _column(noise: random.Random, material: Material) -> Callable[[int], str]:
    scale, step, notation = 10 ** noise.uniform(-4, 6), noise.uniform(0.01, 10), noise.choice(_FORMATS)
    kind = noise.randrange(9)
    if kind == 0:
        return lambda row: str(row * max(int(step), 1))
    if kind == 1:
        return lambda row: f"0x{noise.getrandbits(noise.choice((8, 16, 32))):{noise.choice(('x', '08x'))}}"
    if kind == 2:
        most = noise.choice((2, 3, 5, 10, 100, 1000, 65536))
        return lambda row: str(noise.randrange(most))
    if kind == 3:
        return lambda row: time(noise)
    if kind == 4:
        return lambda row: notation.format(scale * math.sin(row / 7) + noise.gauss(0, scale / 50))
    if kind == 5:
        values = [noise.gauss(0, scale) for _ in range(noise.randrange(2, 12))]
        return lambda row: notation.format(noise.choice(values))
    if kind == 6:
        return lambda row: notation.format(row * step)
    if kind == 7:
        return lambda row: notation.format(float(noise.randrange(1000)))
    return lambda row: notation.format(noise.gauss(scale, scale))
