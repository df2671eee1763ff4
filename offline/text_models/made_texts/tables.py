"""Tables of measurements, counts and categories in the forms that programs write and read. Made at random; knows nothing about classifiers."""

import json
import math
import random
from collections.abc import Callable, Sequence

from lethe.offline.text_models.made_texts.names import Material, key, time

Column = Callable[[], str]
_UNITS = (
    "kg", "m", "mm", "%", "ms", "s", "€", "$", "°C", "kB", "MiB", "GB", "km/h", "mol", "V", "Hz", "px", "x", "k", "dB",
)  # fmt: skip
_CODES = (
    "M F", "Y N", "A B C D", "yes no", "TRUE FALSE", "T F", "0 1", "low medium high", "control treated", "I II III IV", "N S E W",
    "setosa versicolor virginica", "N/A ok", "Mon Tue Wed Thu Fri Sat Sun", "AA AB BB", "+ -", "x .", "Q1 Q2 Q3 Q4", "1st 2nd 3rd", "white black other",
)  # fmt: skip
_MISSING = ("", "NA", "NaN", "-", "null", "?", ".", "-999", "N/A")


def table(noise: random.Random, material: Material) -> str:
    """Rows of columns of some kinds, parted, aligned, framed or as a program holds them."""
    columns = [_column(noise, material) for _ in range(noise.choice((1, 2, 2, 3, 4, 5, 6, 8, 12, 20)))]
    missing, rare = noise.choice(_MISSING), noise.choice((0, 0, 0, 0.02, 0.2))
    count = max(3, round(math.exp(noise.uniform(math.log(4), math.log(120))) / len(columns) ** 0.3))
    rows = [[missing if noise.random() < rare else column() for column in columns] for _ in range(count)]
    if noise.random() < 0.45:
        rows = [[str(number), *row] for number, row in enumerate(rows, noise.choice((0, 1, 1, 7)))]
    head = _head(noise, material, len(rows[0])) if noise.random() < 0.65 else []
    return noise.choice(_FORMS)(noise, head, rows)


def one_kind(noise: random.Random, material: Material) -> str:
    """Values of one kind in a row, a column or a matrix: series, indices, pixels, weights."""
    column = _column(noise, material)
    values = [column() for _ in range(noise.randrange(20, 300))]
    name = material.name(noise)
    width = noise.choice((1, 3, 4, 6, 8, 10, 12, 16, 20, len(values)))
    rows = [values[at : at + width] for at in range(0, len(values), width)]
    between = noise.choice((" ", ", ", ",", "\t", "  ", "; ", "|"))
    lines = [between.join(row) for row in rows]
    return noise.choice(
        (
            lambda: "\n".join(lines),
            lambda: f"{name} = [\n    " + ",\n    ".join(", ".join(row) for row in rows) + ",\n]",
            lambda: (
                f"static const {noise.choice(('int', 'float', 'uint8_t', 'double'))} {name}[{len(values)}] = {{\n  "
                + ",\n  ".join(", ".join(row) for row in rows)
                + "\n};"
            ),
            lambda: f"{name}: [{','.join(values)}]",
            lambda: "[" + "\n ".join(f"[{' '.join(each.rjust(7) for each in row)}]" for row in rows) + "]",
            lambda: f"P2\n# {name}\n{width} {len(rows)}\n255\n" + "\n".join(lines),
            lambda: "\n".join(f"{number} {between.join(row)}" for number, row in enumerate(rows)),
            lambda: f"{name} <- c({', '.join(values)})",
            lambda: "\n".join(
                f"[{number * width + 1}] {' '.join(each.rjust(6) for each in row)}"
                for number, row in enumerate(rows)
            ),
        )
    )()


def sparse(noise: random.Random, material: Material) -> str:
    """What is told of few places: indices with values, edges, intervals, frequencies."""
    digits, count = noise.randrange(6), noise.randrange(8, 80)
    form = noise.choice(
        (
            lambda: (
                f"{noise.choice(('+1', '-1', '0', '1', '3'))} "
                + " ".join(
                    f"{at}:{noise.uniform(-1, 1):.{digits}g}" for at in sorted(noise.sample(range(900), 8))
                )
            ),
            lambda: f"{noise.randrange(900)} {noise.randrange(900)} {noise.gauss(0, 9):.{digits + 1}e}",
            lambda: f"{noise.choice(material.words)}\t{round(math.exp(noise.uniform(0, 15)))}",
            lambda: f"{round(math.exp(noise.uniform(0, 15))):>8} {noise.choice(material.words)}",
            lambda: (
                f"{noise.choice(material.words)} -> {noise.choice(material.words)} [weight={noise.random():.2f}]"
            ),
            lambda: (
                f"chr{noise.randrange(1, 23)}\t{(start := noise.randrange(10**8))}\t{start + noise.randrange(5000)}\t{noise.choice('+-.')}"
            ),
            lambda: f"({noise.gauss(0, 5):.{digits}f}, {noise.gauss(0, 5):.{digits}f})",
            lambda: (
                f"{noise.choice('HCNOS')} {noise.gauss(0, 3):10.5f} {noise.gauss(0, 3):10.5f} {noise.gauss(0, 3):10.5f}"
            ),
            lambda: (
                f"f {noise.randrange(9999)}/{noise.randrange(9999)}/{noise.randrange(999)} {noise.randrange(9999)}/{noise.randrange(9999)}/{noise.randrange(999)}"
            ),
            lambda: f"@attribute {noise.choice(material.words)} {{{','.join(noise.choice(_CODES).split())}}}",
            lambda: f"{noise.choice(material.words)}={noise.gauss(0, 100):.{digits}f};",
            lambda: f"{time(noise)} {noise.gauss(20, 5):.1f} {noise.randrange(100)} {noise.choice(_UNITS)}",
        )
    )
    return noise.choice(("\n", "\n", "\n", " ", ", ")).join(form() for _ in range(count))


def _column(noise: random.Random, material: Material) -> Column:
    scale, digits = 10 ** noise.uniform(-2, 6), noise.choice((0, 0, 1, 1, 2, 3, 4, 6, 10, 15))
    unit, sign = noise.choice(_UNITS), noise.choice((0, 0, 1))
    codes = noise.choice(_CODES).split()
    pool = noise.choices(material.words, k=noise.choice((2, 4, 10, 60)))
    comma = noise.random() < 0.1
    counter = iter(range(noise.randrange(3000), 10**9, noise.choice((1, 1, 1, 5, 10, 100))))
    walk = [noise.gauss(0, scale)]

    def number(value: float) -> str:
        made = f"{value:.{digits}f}"
        return made.replace(".", ",") if comma else made

    def walked() -> str:
        walk[0] += noise.gauss(0, scale / 20)
        return number(walk[0])

    return noise.choice(
        (
            lambda: number(noise.gauss(scale * (1 - sign), scale / 3)),
            lambda: number(noise.gauss(scale * (1 - sign), scale / 3)),
            lambda: number(math.exp(noise.gauss(0, 1.5)) * scale),
            lambda: number(noise.uniform(-scale * sign, scale)),
            walked,
            lambda: f"{noise.gauss(0, scale):.{digits}e}",
            lambda: f"{noise.gauss(0, scale):.{digits + 1}g}",
            lambda: str(round(noise.gauss(scale, scale / 3))),
            lambda: str(noise.randrange(noise.choice((2, 3, 10, 100)))),
            lambda: str(noise.randrange(256)),
            lambda: str(next(counter)),
            lambda: str(next(counter)),
            lambda: f"{number(noise.uniform(0, scale))}{unit}",
            lambda: f"{noise.uniform(0, 100):.1f}%",
            lambda: noise.choice(codes),
            lambda: noise.choice(codes),
            lambda: noise.choice(pool),
            lambda: noise.choice(pool).capitalize(),
            lambda: f'"{noise.choice(pool)} {noise.choice(pool)}"',
            lambda: time(noise),
            lambda: key(noise)[:16],
            lambda: f"{noise.choice('ABCDEFGHKMPRSTX')}{noise.randrange(10**4)}",
            lambda: f"{noise.randrange(1, 60)}-{noise.randrange(60, 99)}",
            lambda: f"{noise.randrange(10)}/{noise.randrange(1, 10)}",
            lambda: f"{noise.gauss(scale, scale / 9):.2f}±{scale / 9:.2f}",
        )
    )  # fmt: skip


def _head(noise: random.Random, material: Material, count: int) -> list[str]:
    names = [
        noise.choice((noise.choice(material.words), material.name(noise), f"{noise.choice('xXvVcC')}{at}", noise.choice(material.words)[:3].upper()))
        for at in range(count)
    ]  # fmt: skip
    return [f"{name} ({noise.choice(_UNITS)})" if noise.random() < 0.1 else name for name in names]


def _parted(noise: random.Random, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    between, quoted = noise.choice((",", ",", ",", "\t", ";", " ", "|", ", ")), noise.random() < 0.3
    lines = [
        between.join(f'"{each}"' if quoted and not _is_number(each) else each for each in row)
        for row in ([head, *rows] if head else rows)
    ]
    return "\n".join(lines)


def _aligned(noise: random.Random, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, *rows] if head else list(rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    gap, right = noise.choice((" ", "  ", "   ", "\t")), noise.random() < 0.6
    made = [
        gap.join(
            each.rjust(width) if right else each.ljust(width) for each, width in zip(row, widths, strict=True)
        )
        for row in lines
    ]
    kind = noise.randrange(4)
    if kind == 0 and head:
        made.insert(1, gap.join(noise.choice("-=") * width for width in widths))
    elif kind == 1:
        rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
        made = [
            "| " + " | ".join(each.ljust(width) for each, width in zip(row, widths, strict=True)) + " |"
            for row in lines
        ]
        made = [rule, made[0], rule, *made[1:], rule]
    elif kind == 2:
        frame = noise.choice(("│", "┃", "|"))
        made = [
            f"{frame} "
            + f" {frame} ".join(each.ljust(width) for each, width in zip(row, widths, strict=True))
            + f" {frame}"
            for row in lines
        ]
    return "\n".join(made)


def _marked_up(noise: random.Random, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = head or [f"c{at}" for at in range(len(rows[0]))]
    kind = noise.randrange(5)
    if kind < 2:
        made = [
            f"| {' | '.join(row)} |"
            for row in [head, [noise.choice(("---", ":-:", "--:"))] * len(head), *rows]
        ]
        return "\n".join(made)
    if kind == 2:
        between = noise.choice(("", "\n"))
        cells = [between.join(f"<td>{each}</td>" for each in row) for row in rows]
        return "<table>\n" + "\n".join(f"<tr>{row}</tr>" for row in cells) + "\n</table>"
    if kind == 3:
        body = " \\\\\n".join(" & ".join(row) for row in [head, *rows])
        return f"\\begin{{tabular}}{{{noise.choice('lcr') * len(head)}}}\n\\hline\n{body} \\\\\n\\hline\n\\end{{tabular}}"
    return "\n".join(
        f"<row {' '.join(f'{name}={json.dumps(each)}' for name, each in zip(head, row, strict=True))}/>"
        for row in rows
    )


def _held(noise: random.Random, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """As literals of a program, or records of an interface."""
    head = head or [f"c{at}" for at in range(len(rows[0]))]
    values = [[each if _is_number(each) else json.dumps(each) for each in row] for row in rows]
    kind, apart = noise.randrange(6), noise.choice((", ", ","))
    if kind == 0:
        return "[" + f"{apart}\n".join("[" + apart.join(row) + "]" for row in values) + "]"
    if kind == 1:
        return "{\n" + ",\n".join("  {" + apart.join(row) + "}" for row in values) + "\n};"
    if kind == 2:
        return "\n".join(f"({apart.join(row)})," for row in values)
    if kind == 3:
        pairs = [
            apart.join(f'"{name}":{each}' for name, each in zip(head, row, strict=True)) for row in values
        ]
        return "[" + ",".join(f"{{{each}}}" for each in pairs) + "]"
    if kind == 4:
        columns = zip(*values, strict=True)
        return (
            "{"
            + ",\n".join(
                f'"{name}": [{apart.join(column)}]' for name, column in zip(head, columns, strict=True)
            )
            + "}"
        )
    return "\n\n".join(
        "\n".join(f"{name}{noise.choice((': ', ' = '))}{each}" for name, each in zip(head, row, strict=True))
        for row in rows
    )


def _is_number(value: str) -> bool:
    return value.replace(".", "", 1).replace("-", "", 1).isdecimal()


_FORMS = (_parted, _parted, _parted, _aligned, _aligned, _marked_up, _held)
