"""Many short strings in a row, as code and settings have them. Made at random; knows nothing about classifiers."""

import random
import string

from lethe.offline.classifier_training.made_texts.names import Material

_LETTERS = (
    "abcdefghijklmnopqrstuvwxyz",
    "абвгдежзийклмнопрстуфхцчшщъыьэюя",
    "αβγδεζηθικλμνξοπρστυφχψω",
    "aeiouáéíóúñçãõäöüß",
)


def endings(noise: random.Random, material: Material) -> str:
    """Endings or beginnings of words in calls, arrays and alternations, as stemmers and lexers have them."""
    if noise.random() < 0.6:
        pieces = [
            noise.choice(material.words)[-noise.randrange(2, 6) :] for _ in range(noise.randrange(10, 90))
        ]
    else:
        letters = noise.choice(_LETTERS)
        pieces = [
            "".join(noise.choices(letters, k=noise.randrange(2, 7))) for _ in range(noise.randrange(10, 90))
        ]
    if noise.random() < 0.4:
        pieces = list(map(str.upper, pieces))
    if noise.random() < 0.5:
        pieces.sort()
    name = noise.choice(string.ascii_letters)
    form = noise.choice(
        (
            'new {n}("{p}",{a},{b})',
            '"{p}"',
            "'{p}'",
            '["{p}",{a}]',
            '{{"{p}", {a}, {b}}}',
            "{p}",
            "-{p}",
            '{n}("{p}")',
            "{p}:{a}",
            'e("{p}"),{n}',
        )
    )
    between = noise.choice((",", ", ", "|", "\n", " | ", ",\n  "))
    made = between.join(
        form.format(n=name, p=piece, a=noise.randrange(-1, 20), b=noise.randrange(9)) for piece in pieces
    )
    return noise.choice(("{}", "[{}]", "/^({})$/", "var " + name + "=[{}];", "(?:{})")).format(made)


def ranges_of_signs(noise: random.Random, material: Material) -> str:
    """Points of Unicode in escapes, alone and in ranges, as tables and patterns have them."""
    form = noise.choice(
        ("\\u{:04x}", "\\u{:04X}", "\\U{:08x}", "\\x{{{:04x}}}", "U+{:04X}", "0x{:04X}", "&#x{:x};")
    )
    point, made = noise.randrange(0x80, 0x20000), []
    for _ in range(noise.randrange(10, 80)):
        point += noise.randrange(1, 400)
        one = form.format(point)
        if noise.random() < 0.5:
            point += noise.randrange(1, 90)
            one += noise.choice(("-", "-", "..", ", ")) + form.format(point)
        made.append(one)
    return noise.choice(("[{}]", "{}", "{{{}}}", '"{}"')).format(
        noise.choice(("", "", ", ", "\n", " ", "|")).join(made)
    )


def codes(noise: random.Random, material: Material) -> str:
    """Abbreviations from a small stock, as tables of properties, registers and commands have them."""
    stock = noise.choice(
        (
            [a + b for a in "CZSPMLN" for b in "cspolenmdu"], [f"{noise.choice('rxfvq')}{number}" for number in range(24)],
            [f"<{noise.choice(('C', 'M', 'S', 'A'))}-{letter}>" for letter in string.ascii_letters], list(string.ascii_letters),
            ["".join(noise.choices(string.ascii_uppercase, k=3)) for _ in range(30)], [word[:4] for word in noise.choices(material.words, k=30)],
        )
    )  # fmt: skip
    form = noise.choice(
        ('"{}"', "{}", "'{}'", "%{}", "map {} :{}", "{}\t{}", "set {} {}", "{} = {}", "{}:{}")
    )
    between = noise.choice((", ", ",", " ", "\n", "\n"))
    return between.join(
        form.format(noise.choice(stock), noise.choice(stock)) for _ in range(noise.randrange(10, 90))
    )


def path_of_a_drawing(noise: random.Random, material: Material) -> str:
    """The data of a path, its numbers as short as they may be."""
    digits, made = noise.randrange(4), []
    for _ in range(noise.randrange(8, 60)):
        command = noise.choice("mMlLhHvVcCsSaAqQz")
        numbers = [
            f"{noise.choice((noise.uniform(-9, 9), noise.uniform(-900, 900))):.{digits}f}".replace(
                "-0.", "-."
            )
            for _ in range({"h": 1, "v": 1, "c": 6, "s": 4, "a": 7, "q": 4, "z": 0}.get(command.lower(), 2))
        ]
        made.append(
            command + noise.choice((" ", ",", "")).join(numbers) if digits else command + " ".join(numbers)
        )
    path = noise.choice(("", "", " ")).join(made)
    return noise.choice(
        ('<path d="{}"/>', '<svg viewBox="0 0 24 24"><path fill="none" d="{}"/></svg>', "{}", '{{"d": "{}"}}')
    ).format(path)
