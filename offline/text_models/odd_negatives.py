"""Ordinary text that is no prose: numbers, identifiers, hashes, pictures, tables, lists, notations, made at random.

What a detector of disguises must leave alone though its letters are in no words. Knows nothing about classifiers.
"""

import base64
import hashlib
import json
import math
import random
import string
import uuid
from collections.abc import Callable, Sequence

_Making = Callable[[random.Random, Sequence[str]], str]
_HEX = "0123456789abcdef"


def odd_ordinary_text(noise: random.Random, words: Sequence[str]) -> str:
    """One text of some 60 to 2,000 characters.

    Parameters
    ----------
    words
        Ordinary words, for names, labels and lists.
    """
    return noise.choice(_MAKINGS)(noise, words)


def _numbers(noise: random.Random, words: Sequence[str]) -> str:
    count, scale, digits = (
        noise.randrange(15, 250),
        10 ** noise.uniform(0.5, 6),
        noise.choice((0, 0, 1, 2, 4)),
    )
    kind = noise.randrange(4)
    if kind == 0:
        values = [noise.gauss(scale, scale / 4) for _ in range(count)]
    elif kind == 1:
        values = [noise.uniform(0, scale) for _ in range(count)]
    elif kind == 2:
        values = sorted(noise.uniform(0, scale) for _ in range(count))
    else:
        values = [scale * math.sin(place / 5) + noise.gauss(0, scale / 9) for place in range(count)]
    form = f"{{:.{digits}f}}"
    between = noise.choice((", ", " ", "\n", ",", "\t", "; "))
    made = between.join(map(form.format, values))
    return noise.choice(("{}", "{}", "[{}]", "values = [{}]", "({})")).format(made)


def _table(noise: random.Random, words: Sequence[str]) -> str:
    columns, rows = noise.randrange(2, 9), noise.randrange(3, 30)
    between = noise.choice((",", "\t", " | ", ";", "  "))
    makers = noise.choices(
        (
            lambda row: str(row),
            lambda row: noise.choice(words),
            lambda row: f"{noise.uniform(0, 1000):.{noise.randrange(3)}f}",
            lambda row: str(noise.randrange(100)),
            lambda row: (
                f"20{noise.randrange(10, 27)}-{noise.randrange(1, 13):02d}-{noise.randrange(1, 29):02d}"
            ),
            lambda row: noise.choice("YN"),
            lambda row: noise.choice(string.ascii_uppercase) + str(noise.randrange(1000)),
            lambda row: noise.choice(words).capitalize() + " " + noise.choice(words).capitalize(),
        ),
        k=columns,
    )
    head = between.join(noise.choice(words) for _ in range(columns))
    return "\n".join([head, *(between.join(make(row) for make in makers) for row in range(1, rows))])


def _matrix(noise: random.Random, words: Sequence[str]) -> str:
    rows, columns, most = (
        noise.randrange(3, 16),
        noise.randrange(3, 20),
        noise.choice((2, 2, 3, 10, 100, 256)),
    )
    values = [[noise.randrange(most) for _ in range(columns)] for _ in range(rows)]
    if noise.random() < 0.4:
        return json.dumps(values)
    between = noise.choice((" ", "", ", ", "  ", "|"))
    return "\n".join(between.join(map(str, row)) for row in values)


def _board(noise: random.Random, words: Sequence[str]) -> str:
    """A maze, a puzzle's grid, a game's field or a grid to search words in."""
    signs = noise.choice(
        ("#. ", "XO_", ".#", "123456789.", string.ascii_uppercase, "01", "RGB", "🟩🟨⬛", "♟♙·")
    )
    rows, columns = noise.randrange(3, 16), noise.randrange(3, 24)
    between = noise.choice(("", " ", "|", " | "))
    return "\n".join(between.join(noise.choices(signs, k=columns)) for _ in range(rows))


def _random_bytes(noise: random.Random, words: Sequence[str]) -> str:
    data = noise.randbytes(noise.randrange(40, 700))
    if noise.random() < 0.5:
        head = noise.choice(
            (
                b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
                b"\xff\xd8\xff\xe0\0\x10JFIF\0",
                b"GIF89a",
                b"%PDF-1.4\n",
                b"0\x82\x03\x02\x02\x01",
            )
        )
        data = head + data
    kind = noise.randrange(5)
    if kind == 0:
        return base64.b64encode(data).decode()
    if kind == 1:
        made = base64.b64encode(data).decode()
        return "\n".join(made[at : at + 64] for at in range(0, len(made), 64))
    if kind == 2:
        return data.hex()
    if kind == 3:
        return data.hex(noise.choice(" :"))
    return ", ".join(f"0x{byte:02x}" for byte in data)


def _identifiers(noise: random.Random, words: Sequence[str]) -> str:
    def one() -> str:
        kind = noise.randrange(9)
        data = noise.randbytes(20)
        return (
            str(uuid.UUID(int=noise.getrandbits(128))),
            hashlib.md5(data).hexdigest(),
            hashlib.sha256(data).hexdigest(),
            ".".join(str(byte) for byte in data[:4]),
            data[:6].hex(":"),
            base64.urlsafe_b64encode(data).decode().rstrip("="),
            f"{noise.choice(words)}-{noise.randrange(10)}.{noise.randrange(30)}.{noise.randrange(9)}",
            "".join(noise.choices(string.ascii_uppercase + string.digits, k=noise.randrange(6, 18))),
            f"+{noise.randrange(1, 99)} {noise.randrange(10**9, 10**10)}",
        )[kind]

    same, count = noise.random() < 0.5, noise.randrange(3, 25)
    if same:
        state = noise.getstate()
        del state
    label = noise.random() < 0.4
    rows = [
        f"{noise.choice(words)}{noise.choice((': ', '=', ' '))}{one()}" if label else one()
        for _ in range(count)
    ]
    return noise.choice(("\n", "\n", ", ", " ")).join(rows)


def _word_list(noise: random.Random, words: Sequence[str]) -> str:
    chosen = noise.choices(words, k=noise.randrange(10, 120))
    kind = noise.randrange(5)
    if kind == 0:
        chosen.sort()
    elif kind == 1:
        chosen = [word.capitalize() for word in chosen]
    elif kind == 2:
        chosen = [word.upper() for word in chosen]
    elif kind == 3:
        chosen = [f"{first}_{second}" for first, second in zip(chosen, reversed(chosen), strict=True)]
    return noise.choice((", ", "\n", " ", "\n- ", "; ", ",")).join(chosen)


def _sequence(noise: random.Random, words: Sequence[str]) -> str:
    signs = noise.choice(("ACGT", "acgt", "ACGU", "ACDEFGHIKLMNPQRSTVWY", "HTHT", "01", "WB", "UDLR", "+-"))
    made = "".join(noise.choices(signs, k=noise.randrange(40, 600)))
    width = noise.choice((10, 60, 70, 80, 10_000))
    return noise.choice(("\n", " ")).join(made[at : at + width] for at in range(0, len(made), width))


def _formula(noise: random.Random, words: Sequence[str]) -> str:
    pieces = (
        r"\frac{%s}{%s}",
        r"\sum_{%s=0}^{%s}",
        "%s^2 + %s",
        r"\int_0^%s f(%s)\,d%s",
        r"\mathbf{%s}_{%s}",
        r"%s \in \mathbb{R}^{%s}",
        r"\alpha_%s \leq \beta_%s",
        r"\left( %s - %s \right)",
    )
    made: list[str] = []
    for _ in range(noise.randrange(4, 20)):
        piece = noise.choice(pieces)
        made.append(piece % tuple(noise.choices("xyznkijmpqtuv", k=piece.count("%s"))))
    return noise.choice(("${}$", "$$\n{}\n$$", "\\[ {} \\]")).format(
        noise.choice((" + ", " = ", " \\\\\n")).join(made)
    )


def _molecules(noise: random.Random, words: Sequence[str]) -> str:
    pieces = (
        "C",
        "CC",
        "C(=O)",
        "O",
        "N",
        "c1ccccc1",
        "C1CCNCC1",
        "[C@@H]",
        "S(=O)(=O)",
        "Cl",
        "F",
        "C#N",
        "OC",
        "n1cncc1",
    )
    rows = ["".join(noise.choices(pieces, k=noise.randrange(4, 22))) for _ in range(noise.randrange(1, 9))]
    return "\n".join(rows)


def _moves(noise: random.Random, words: Sequence[str]) -> str:
    kind = noise.randrange(4)
    if kind == 0:
        return " ".join(
            f"{move}. {noise.choice('NBRQK')}{noise.choice('abcdefgh')}{noise.randrange(1, 9)} {noise.choice('abcdefgh')}{noise.randrange(1, 9)}"
            for move in range(1, noise.randrange(10, 60))
        )
    if kind == 1:
        return " ".join(
            noise.choices(("U", "R'", "F2", "L", "D'", "B", "R", "U2", "F'"), k=noise.randrange(20, 90))
        )
    if kind == 2:
        chords = ("C", "G", "Am", "F", "Dm7", "G7", "Em", "Bb", "Cmaj7", "A7", "E", "D/F#")
        return " | ".join(
            " ".join(noise.choices(chords, k=noise.randrange(1, 4))) for _ in range(noise.randrange(8, 30))
        )
    return " ".join(
        noise.choices(
            ("k2", "p2", "yo", "ssk", "k2tog", "sl1", "psso", "p1", "k1", "rep"), k=noise.randrange(20, 90)
        )
    )


def _log(noise: random.Random, words: Sequence[str]) -> str:
    return "\n".join(
        f"{noise.randrange(24):02d}:{noise.randrange(60):02d}:{noise.randrange(60):02d}.{noise.randrange(1000):03d} [{noise.choice(('INFO', 'WARN', 'DEBUG'))}] "
        f"{noise.choice(words)}.{noise.choice(words)}: 0x{noise.getrandbits(48):012x} {noise.choice(words)}={noise.randrange(10**5)}"
        for _ in range(noise.randrange(2, 16))
    )


def _answers(noise: random.Random, words: Sequence[str]) -> str:
    """Letters of answers, ratings, votes or tags, one a line or in a row."""
    signs = noise.choice(
        (
            "ABCD",
            "TF",
            "YN",
            ("yes", "no"),
            ("true", "false"),
            ("red", "blue", "green"),
            "12345",
            ("B-PER", "I-PER", "O", "O", "O", "B-LOC"),
            "★☆",
        )
    )
    rows = noise.choices(signs, k=noise.randrange(15, 120))
    if noise.random() < 0.5:
        rows = [f"{place}{noise.choice(('.', ')', ':'))} {row}" for place, row in enumerate(rows, 1)]
    return noise.choice(("\n", " ", ", ")).join(rows)


def _records(noise: random.Random, words: Sequence[str]) -> str:
    keys = noise.sample(list(words), noise.randrange(2, 7))
    makers = [
        noise.choice(
            (
                lambda: noise.randrange(1000),
                lambda: noise.choice(words),
                lambda: round(noise.uniform(0, 50), 2),
                lambda: None,
                lambda: noise.random() < 0.5,
            )
        )
        for _ in keys
    ]
    rows = [
        {key: make() for key, make in zip(keys, makers, strict=True)} for _ in range(noise.randrange(2, 18))
    ]
    return json.dumps(rows, indent=noise.choice((None, None, 2)))


def _markup(noise: random.Random, words: Sequence[str]) -> str:
    tags = noise.choices(("div", "span", "li", "td", "p", "a", "path", "item", "row"), k=3)
    made: list[str] = []
    for _ in range(noise.randrange(3, 25)):
        tag = noise.choice(tags)
        inner = noise.choice(
            (
                noise.choice(words),
                str(noise.randrange(100)),
                "",
                f"M{noise.randrange(99)} {noise.randrange(99)}L{noise.uniform(0, 99):.2f} {noise.randrange(99)}z",
            )
        )
        made.append(f'<{tag} class="{noise.choice(words)}-{noise.randrange(12)}">{inner}</{tag}>')
    return noise.choice(("", "\n")).join(made)


def _minified(noise: random.Random, words: Sequence[str]) -> str:
    made: list[str] = []
    for _ in range(noise.randrange(8, 60)):
        a, b, c = noise.choices(string.ascii_letters, k=3)
        word = noise.choice(words)
        made.append(
            noise.choice(
                (
                    f"var {a}={b}.{word}({c});",
                    f"function {a}({b},{c}){{return {b}+{c}}}",
                    f"{a}=>{b}[{c}]||{{}},",
                    f"if({a}&&!{b}){{{c}.{word}=!0}}",
                    f"{a}.prototype.{word}=function({b}){{this._{word}={b}}};",
                    f".{word}-{a}{{margin:{noise.randrange(99)}px;color:#{noise.getrandbits(24):06x}}}",
                    f"case {noise.randrange(99)}:{a}={b}?{c}:null;break;",
                )
            )
        )
    return "".join(made)


def _lettered(noise: random.Random, words: Sequence[str]) -> str:
    """Acronyms, initials, codes of countries and units, as lists and sentences have them."""
    rows = [
        "".join(noise.choices(string.ascii_uppercase, k=noise.choice((2, 2, 3, 3, 4))))
        for _ in range(noise.randrange(10, 60))
    ]
    if noise.random() < 0.5:
        rows = [f"{row} {noise.choice(words)}" for row in rows]
    if noise.random() < 0.4:
        rows.sort()
    return noise.choice((", ", ", ", "\n", " / ")).join(rows)


def _unsaid(noise: random.Random, words: Sequence[str]) -> str:
    """What is typed to try a field out, and laughter."""
    kind = noise.randrange(4)
    if kind == 0:
        return "".join(noise.choices("asdfjkl;", k=noise.randrange(8, 40)))
    if kind == 1:
        return noise.choice(
            ("ha", "lol", "na ", "la ", "bla ", "test ", "1", "a", "!!", "😂")
        ) * noise.randrange(10, 60)
    if kind == 2:
        return (
            "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore magna aliqua ut enim ad minim veniam quis nostrud exercitation ullamco "
            * 2
        )[: noise.randrange(80, 300)]
    return noise.choice(("-", "=", "*", "_", "#", "~", "· ")) * noise.randrange(30, 200)


_MAKINGS: tuple[_Making, ...] = (
    _numbers, _numbers, _table, _table, _matrix, _board, _random_bytes, _random_bytes, _identifiers, _identifiers, _word_list,
    _word_list, _sequence, _formula, _molecules, _moves, _log, _answers, _records, _records, _markup, _minified, _lettered, _unsaid,
)  # fmt: skip
