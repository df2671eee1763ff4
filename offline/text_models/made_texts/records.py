"""Records and values of any shape, as interfaces give them and files hold them. Made at random; knows nothing about classifiers."""

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

from lethe.offline.text_models.made_texts.names import Material, key, time
from lethe.offline.text_models.made_texts.tools import some_arguments
from lethe.offline.text_models.made_texts.values import VALUES, any_value


def found(noise: random.Random, material: Material) -> str:
    """What a search or an interface brought: records with texts, numbers and keys."""
    names = [material.name(noise) for _ in range(noise.randrange(2, 9))]
    makings: Sequence[Callable[[], Any]] = noise.choices(
        (
            lambda: material.sentence(noise), lambda: material.address(noise), lambda: key(noise), lambda: time(noise), lambda: noise.randrange(10**5),
            lambda: round(noise.uniform(-90, 900), noise.randrange(1, 7)), lambda: noise.choice(VALUES), lambda: noise.random() < 0.5, lambda: None,
            lambda: [noise.choice(material.words) for _ in range(noise.randrange(5))], lambda: some_arguments(noise, material), lambda: "",
            lambda: " ".join(noise.choices(material.words, k=2)).title(), lambda: f"{noise.choice(material.words)}@{noise.choice(material.words)}.com",
        ),
        k=len(names),
    )  # fmt: skip
    rows = [
        {name: make() for name, make in zip(names, makings, strict=True)}
        for _ in range(noise.randrange(1, 12))
    ]
    kind, apart = noise.randrange(6), noise.choice((None, None, (",", ":")))
    if kind == 0:
        return "\n".join(json.dumps(row, separators=apart) for row in rows)
    if kind == 1:
        return json.dumps(
            {"data": rows, "total": len(rows), "next": None}, indent=noise.choice((None, 2)), separators=apart
        )
    if kind == 2:
        return "\n\n".join("\n".join(f"{name}: {value}" for name, value in row.items()) for row in rows)
    if kind == 3:
        return json.dumps(rows, indent=noise.choice((None, 1, 2, 4)), separators=apart)
    if kind == 4:
        return repr(rows)
    return json.dumps({key(noise): row for row in rows}, separators=apart, ensure_ascii=noise.random() < 0.5)


def tree(noise: random.Random, material: Material) -> str:
    return _written(
        noise, {material.name(noise): _nested(noise, material, 3) for _ in range(noise.randrange(1, 7))}
    )


def one_shape(noise: random.Random, material: Material) -> str:
    """Records of one shape in any form: an array, lines, rows with or without names."""
    names = [
        noise.choice(material.words)[: noise.choice((1, 2, 3, 20))] for _ in range(noise.randrange(1, 7))
    ]
    pools = [[any_value(noise, material) for _ in range(noise.choice((1, 2, 3, 8, 40)))] for _ in names]
    kinds = [noise.choice(("pool", "pool", "count", "number", "digits")) for _ in names]
    step = noise.choice((1, 1, 2, 5, 10, 100))

    def cell(at: int, row: int) -> Any:
        return {
            "pool": lambda: noise.choice(pools[at]), "count": lambda: row * step, "number": lambda: round(noise.uniform(0, 1000), 3), "digits": lambda: noise.randrange(10),
        }[kinds[at]]()  # fmt: skip

    rows = [[cell(at, row) for at in range(len(names))] for row in range(noise.randrange(3, 60))]
    kind = noise.randrange(7)
    if kind == 0:
        return _written(noise, [dict(zip(names, row, strict=True)) for row in rows])
    if kind == 1:
        return "\n".join(json.dumps(dict(zip(names, row, strict=True))) for row in rows)
    if kind == 2:
        return _written(noise, rows)
    if kind == 3:
        return _written(noise, {name: [row[at] for row in rows] for at, name in enumerate(names)})
    if kind == 4:
        between = noise.choice((",", ";", "\t", "|", " | ", "  "))
        return "\n".join(
            between.join(map(str, row)) for row in ([names, *rows] if noise.random() < 0.7 else rows)
        )
    if kind == 5:
        values = ",\n".join(
            "(" + ", ".join(f"'{value}'" if isinstance(value, str) else str(value) for value in row) + ")"
            for row in rows
        )
        return f"INSERT INTO {noise.choice(material.words)} ({', '.join(names)}) VALUES\n{values};"
    table = [f"| {' | '.join(map(str, row))} |" for row in [names, ["---"] * len(names), *rows]]
    return "\n".join(table)


def coordinates(noise: random.Random, material: Material) -> str:
    digits, count = noise.randrange(1, 15), noise.randrange(4, 80)
    x, y = noise.uniform(-180, 180), noise.uniform(-90, 90)
    points = [
        [round(x := x + noise.gauss(0, 0.3), digits), round(y := y + noise.gauss(0, 0.3), digits)]
        for _ in range(count)
    ]
    kind = noise.randrange(4)
    if kind == 0:
        geometry = {"type": noise.choice(("Polygon", "MultiPolygon", "LineString")), "coordinates": [points]}
        feature = {
            "type": "Feature",
            "id": noise.choice(material.words)[:3].upper(),
            "properties": {"name": noise.choice(material.words).title()},
            "geometry": geometry,
        }
        return _written(noise, {"type": "FeatureCollection", "features": [feature]})
    if kind == 1:
        return " ".join(f"{noise.choice('MLCQ')}{a} {b}" for a, b in points) + "Z"
    if kind == 2:
        return "\n".join(
            f'<trkpt lat="{b}" lon="{a}"><ele>{noise.randrange(900)}</ele></trkpt>' for a, b in points
        )
    return "\n".join(f"v {a} {b} {noise.uniform(-1, 1):.4f}" for a, b in points)


def _nested(noise: random.Random, material: Material, depth: int) -> Any:
    drawn = noise.random()
    if depth == 0 or drawn < 0.35:
        return any_value(noise, material)
    if drawn < 0.6:
        if noise.random() < 0.5:
            maker = noise.choice(
                (
                    lambda: noise.randrange(256),
                    lambda: round(noise.uniform(-180, 180), noise.randrange(1, 15)),
                    lambda: noise.choice(material.words),
                    lambda: key(noise),
                )
            )
            return [maker() for _ in range(noise.randrange(1, 24))]
        return [_nested(noise, material, depth - 1) for _ in range(noise.randrange(1, 7))]
    names = [
        noise.choice(material.words) if noise.random() < 0.5 else material.name(noise)
        for _ in range(noise.randrange(1, 8))
    ]
    return {name: _nested(noise, material, depth - 1) for name in names}


def _written(noise: random.Random, value: Any) -> str:
    return json.dumps(
        value,
        indent=noise.choice((None, None, 1, 2, 4)),
        separators=noise.choice((None, (",", ":"))),
        ensure_ascii=noise.random() < 0.5,
    )
