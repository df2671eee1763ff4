"""Disguises that nobody named: random operations on letters, bytes, order and layout, one or two in a row, random in each part.

What a detector of disguises learns from, so that it learns of kinds of operations rather than of ciphers. Each family can be
left out, to measure on what was never trained on. Knows nothing about classifiers.
"""

import base64
import itertools
import json
import random
import re
import string
import zlib
from collections.abc import Callable, Sequence
from typing import Literal, get_args

Family = Literal["substituted", "tokens", "bytes", "permuted", "inserted", "laid out", "carried"]
FAMILIES: tuple[Family, ...] = get_args(Family)
Operation = Callable[[str, random.Random], str]

# How often something was done to the letters before, and what.
_TWICE = 0.2
_FIRST: tuple[Family, ...] = ("permuted", "inserted", "substituted")
_SMALL = string.ascii_lowercase
_VOWELS, _CONSONANTS = "aeiou", "bcdfghjklmnpqrstvwxyz"
_BETWEEN = (" ", " ", " ", "-", ".", ",", ", ", "", "_", "/", "|", ":", "  ", "\n", "; ", "+", "·", "~", "*")
_BETWEEN_WORDS = (" / ", "  ", " ", "\n", " | ", ". ", " - ", "   ", ", ", " 0 ", "//", " # ")
_UNBROKEN = string.ascii_letters + string.digits
_BLOCKS = (
    (0x3B1, 25), (0x430, 32), (0x5D0, 27), (0x10D0, 33), (0x561, 38), (0x16A0, 75), (0x1681, 26), (0x2460, 60), (0x24D0, 26),
    (0x2500, 120), (0x2190, 100), (0x2200, 200), (0x25A0, 90), (0x2600, 200), (0x2801, 255), (0x3041, 80), (0x30A1, 80),
    (0x4E00, 3000), (0xAC00, 2000), (0x1F300, 300), (0x1F600, 70), (0x1D400, 400), (0xA000, 400), (0x1200, 300), (0x905, 50),
    (0x621, 35), (0xE01, 46), (0x13A0, 80), (0x1400, 300), (0x2C80, 100), (0x250, 90), (0xC0, 300), (0x10330, 26), (0x12000, 300),
)  # fmt: skip


def disguised(
    text: str, words: Sequence[str], noise: random.Random, family: Family
) -> tuple[str, tuple[Family, ...]]:
    """A text in a disguise, and the families of its operations, one or two, the wanted one last.

    Parameters
    ----------
    words
        Ordinary words, for what hides letters among them or stands for letters.
    """
    families: tuple[Family, ...] = (family,)
    if noise.random() < _TWICE:
        # What is told letter by letter needs letters that it knows.
        families = (noise.choice(_FIRST[:-1] if family in ("tokens", "carried") else _FIRST), family)
    for each in families:
        operations, weights = zip(*_operations(words)[each], strict=True)
        text = noise.choices(operations, weights)[0](text, noise)
    return text, families


def _operations(words: Sequence[str]) -> dict[Family, list[tuple[Operation, float]]]:
    def with_words(operation: Callable[[str, random.Random, Sequence[str]], str]) -> Operation:
        return lambda text, noise: operation(text, noise, words)

    return {
        "substituted": [(_one_alphabet, 3), (_many_alphabets, 2), (_other_script, 3), (_some_letters, 2)],
        "tokens": [(with_words(_tokens), 1)],
        "bytes": [
            (_digits_of_bytes, 3),
            (_own_base, 3),
            (_packed_bytes, 1),
            (_runs_of_bits, 0.5),
            (_one_number, 0.5),
        ],
        "permuted": [(_columns, 2), (_blocks, 2), (_strided, 1), (_shuffled_by_rule, 1), (_within_words, 2)],
        "inserted": [
            (_syllables, 3),
            (_fillers, 3),
            (_separated, 3),
            (_interleaved, 1),
            (_wrapped_letters, 2),
        ],
        "laid out": [(_grid, 2), (_pieces, 3), (_records, 2), (_indexed, 1), (_lines_of_letters, 1)],
        "carried": [
            (with_words(_initials), 2),
            (with_words(_places), 1),
            (with_words(_capitals), 1),
            (with_words(_counts), 1),
        ],
    }


def _prepared(text: str, noise: random.Random) -> str:
    """The text in one case, with or without its marks and spaces."""
    if noise.random() < 0.6:
        text = text.lower()
    elif noise.random() < 0.4:
        text = text.upper()
    if noise.random() < 0.4:
        text = re.sub(r"[^\w\s]", "", text)
    return re.sub(r"\s+", "", text) if noise.random() < 0.15 else text


def _mapped(text: str, table: dict[str, str]) -> str:
    capitals = {letter.upper(): sign.upper() for letter, sign in table.items() if len(sign) == 1}
    return "".join(table.get(each, capitals.get(each, each)) for each in text)


def _one_alphabet(text: str, noise: random.Random) -> str:
    letters = list(_SMALL)
    kind = noise.randrange(4)
    if kind == 0:
        step = noise.randrange(1, 26)
        letters = letters[step:] + letters[:step]
    elif kind == 1:
        word = "".join(noise.sample(_SMALL, noise.randrange(4, 9)))
        letters = [*word, *(each for each in _SMALL if each not in word)]
    else:
        noise.shuffle(letters)
    made = _mapped(_prepared(text, noise), dict(zip(_SMALL, letters, strict=True)))
    return _grouped(made, noise) if noise.random() < 0.25 else made


def _grouped(text: str, noise: random.Random) -> str:
    size, signs = noise.randrange(2, 8), re.sub(r"\W", "", text)
    return " ".join(signs[at : at + size] for at in range(0, len(signs), size))


def _many_alphabets(text: str, noise: random.Random) -> str:
    """Another shift or alphabet at each place, by a rule with a period or a growth."""
    period = noise.choice((1, 2, 3, 4, 5, 6, 7, 8, 11))
    steps = [noise.randrange(26) for _ in range(period)]
    growth, by_word, backwards = noise.randrange(3), noise.random() < 0.2, noise.random() < 0.2
    made: list[str] = []
    place = word = 0
    for sign in _prepared(text, noise):
        low = sign.lower()
        if low not in _SMALL:
            made.append(sign)
            word += sign == " "
            continue
        at = word if by_word else place
        step = steps[at % period] + growth * at
        value = step - _SMALL.index(low) if backwards else step + _SMALL.index(low)
        letter = _SMALL[value % 26]
        made.append(letter.upper() if sign.isupper() else letter)
        place += 1
    return _grouped("".join(made), noise) if noise.random() < 0.3 else "".join(made)


def _alphabet_of_block(noise: random.Random, size: int = 26) -> list[str]:
    start, length = noise.choice([block for block in _BLOCKS if block[1] >= size - 1])
    if length <= size or noise.random() < 0.5:
        points = list(range(start, start + size))
    else:
        points = noise.sample(range(start, start + length), size)
    if noise.random() < 0.4:
        noise.shuffle(points)
    return list(map(chr, points))


def _other_script(text: str, noise: random.Random) -> str:
    table = dict(zip(_SMALL, _alphabet_of_block(noise), strict=True))
    between = noise.choice(("", "", "", " ", "·", "-"))
    words = noise.choice((" ", " ", "  ", "/", "\n", " | "))
    return words.join(between.join(_mapped(word, table)) for word in text.lower().split())


def _some_letters(text: str, noise: random.Random) -> str:
    """Vowels, consonants or some letters among themselves, or by other signs."""
    chosen = noise.choice((_VOWELS, _CONSONANTS, "".join(noise.sample(_SMALL, noise.randrange(9, 20)))))
    step = noise.randrange(1, len(chosen))
    turned = chosen[step:] + chosen[:step]
    if noise.random() < 0.3:
        turned = (
            "".join(noise.sample(string.digits + "#$%&@*+=<>?!^~|", len(chosen)))
            if len(chosen) < 22
            else turned
        )
    return _mapped(_prepared(text, noise), dict(zip(chosen, turned, strict=True)))


def _tokens(text: str, noise: random.Random, words: Sequence[str]) -> str:
    """A token for each letter: numbers by a rule, digits of some base, words, syllables, signs, in a table told or not."""
    table = dict(zip(_SMALL, _token_table(noise, words), strict=True))
    between, words_between = noise.choice(_BETWEEN), noise.choice(_BETWEEN_WORDS)
    if between == "" and len({*map(len, table.values())}) > 1:
        between = " "
    split = ([each for each in word if each in table] for word in text.lower().split())
    made = words_between.join(between.join(table[each] for each in word) for word in split if word)
    if noise.random() < 0.3:
        arrow, comma = noise.choice(("=", " = ", ": ", " -> ", "→")), noise.choice((", ", "; ", "\n", " "))
        told = comma.join(f"{letter}{arrow}{token}" for letter, token in table.items())
        return f"{told}\n\n{made}" if noise.random() < 0.7 else f"{made}\n\n{told}"
    return made


def _token_table(noise: random.Random, words: Sequence[str]) -> list[str]:
    kind = noise.randrange(9)
    if kind == 0:
        a, b, power = noise.randrange(1, 12), noise.randrange(0, 40), noise.choice((1, 1, 1, 2))
        order = range(1, 27) if noise.random() < 0.7 else range(26, 0, -1)
        return [str(a * place**power + b) for place in order]
    if kind == 1:
        return list(map(str, noise.sample(range(10 ** noise.randrange(2, 4)), 26)))
    if kind == 2:
        return [_in_base(place + noise.randrange(1), *_base_and_signs(noise)) for place in range(1, 27)]
    if kind == 3:
        base, signs, width = _base_and_signs(noise)
        return [_in_base(place, base, signs, width) for place in range(1, 27)]
    if kind == 4:
        return noise.sample(list(words), 26)
    if kind == 5:
        beginning = "".join(noise.sample(_SMALL, 26))
        by_letter = [[word for word in words if word[:1].lower() == letter] for letter in _SMALL]
        return [noise.choice(found) if found else beginning[at] for at, found in enumerate(by_letter)]
    if kind == 6:
        syllables = [c + v + e for c in _CONSONANTS for v in _VOWELS for e in ("", "n", "k")]
        return noise.sample(syllables, 26)
    if kind == 7:
        return _alphabet_of_block(noise)
    rows, columns = noise.sample(_UNBROKEN, 6), noise.sample(_UNBROKEN, 6)
    return [rows[place // 6] + columns[place % 6] for place in range(26)]


def _base_and_signs(noise: random.Random) -> tuple[int, Sequence[str], int]:
    base = noise.choice((2, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16))
    kind = noise.randrange(4)
    if kind < 2:
        signs: Sequence[str] = string.digits + _SMALL
    elif kind == 2:
        signs = noise.sample(string.ascii_letters + "!?#*+-.=_/|~^", base)
    else:
        signs = _alphabet_of_block(noise, 26)[:base]
    return base, signs, next(width for width in itertools.count(1) if base**width >= 27)


def _in_base(value: int, base: int, signs: Sequence[str], width: int) -> str:
    made = ""
    while value or len(made) < width:
        value, digit = divmod(value, base)
        made = signs[digit] + made
    return made


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


def _digits_of_bytes(text: str, noise: random.Random) -> str:
    """Each byte as a number, in some base, behind and between some marks."""
    data, base = (
        _changed_bytes(text, noise),
        noise.choice((2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10, 12, 16, 16, 20, 36)),
    )
    width = next(width for width in itertools.count(1) if base**width >= 256) if noise.random() < 0.6 else 1
    signs = string.digits + (_SMALL if noise.random() < 0.7 else string.ascii_uppercase)
    before, between = noise.choice(("", "", "", "0x", "\\", "%", "#", "&#", "x")), noise.choice(_BETWEEN)
    values: Sequence[int] = data
    if noise.random() < 0.15:
        values = [data[0], *(b - a for a, b in itertools.pairwise(data))]
    numbers = [
        ("-" if value < 0 else "") + before + _in_base(abs(value), base, signs, width) for value in values
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


def _own_base(text: str, noise: random.Random) -> str:
    """Bits in an alphabet of two to 128 signs, which may be in disorder."""
    bits = "".join(f"{byte:08b}" for byte in _changed_bytes(text, noise))
    size = noise.choice((1, 1, 2, 3, 4, 5, 5, 6, 6, 6))
    bits += "0" * (-len(bits) % size)
    signs: Sequence[str] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    kind = noise.randrange(4)
    if kind == 0:
        signs = noise.sample(string.digits + string.ascii_letters + "-_", 64)
    elif kind == 1:
        signs = string.digits + _SMALL + string.ascii_uppercase + "-_"
    elif kind == 2 and size <= 5:
        signs = _alphabet_of_block(noise, 26) + list(_SMALL)
    made = "".join(signs[int(bits[at : at + size], 2)] for at in range(0, len(bits), size))
    return _broken(made, noise)


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
    return _pieces(signs, noise)


def _packed_bytes(text: str, noise: random.Random) -> str:
    data = zlib.compress(text.encode())
    kind = noise.randrange(4)
    if kind == 0:
        return _broken(base64.b64encode(data[::-1]).decode(), noise)
    if kind == 1:
        return _broken(data.hex(), noise)
    if kind == 2:
        return ", ".join(map(str, data))
    return _broken(base64.b64encode(base64.b64encode(text.encode())[::-1]).decode(), noise)


def _runs_of_bits(text: str, noise: random.Random) -> str:
    bits = "".join(f"{byte:0{noise.choice((7, 8))}b}" for byte in text.encode())
    return noise.choice((" ", ",", "", ", ")).join(str(len(list(run))) for _, run in itertools.groupby(bits))


def _one_number(text: str, noise: random.Random) -> str:
    value, base = int.from_bytes(text.encode()), noise.choice((3, 7, 10, 10, 12, 20, 26, 31, 36, 52, 62))
    return _in_base(
        value, base, noise.choice((string.digits + _SMALL + string.ascii_uppercase, _UNBROKEN)), 1
    )


def _columns(text: str, noise: random.Random) -> str:
    text, width = _prepared(text, noise), noise.randrange(2, 13)
    columns = [text[at::width] for at in range(width)]
    if noise.random() < 0.5:
        noise.shuffle(columns)
    if noise.random() < 0.2:
        columns = [column[::-1] if at % 2 else column for at, column in enumerate(columns)]
    return noise.choice(("", "", "", " ", "\n", "/")).join(columns)


def _blocks(text: str, noise: random.Random) -> str:
    text, size = _prepared(text, noise), noise.randrange(2, 16)
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    kind, order = noise.randrange(4), noise.sample(range(size), size)
    if kind == 0:
        pieces = [piece[::-1] for piece in pieces]
    elif kind == 1:
        pieces = [piece[::-1] if at % 2 else piece for at, piece in enumerate(pieces)]
    elif kind == 2:
        pieces = ["".join(piece[at] for at in order if at < len(piece)) for piece in pieces]
    else:
        pieces = [piece[1:] + piece[:1] for piece in pieces]
    return noise.choice(("", "", "", "\n", " ", "|")).join(pieces)


def _strided(text: str, noise: random.Random) -> str:
    text = _prepared(text, noise)
    step = noise.randrange(2, 12)
    while len(text) % step == 0 and step > 1:
        step -= 1
    step = max(step, 1)
    order = [at * step % len(text) for at in range(len(text))] if len(text) % step else range(len(text))[::-1]
    return "".join(text[at] for at in dict.fromkeys(order))


def _shuffled_by_rule(text: str, noise: random.Random) -> str:
    """A square read along spirals, diagonals, snakes or columns."""
    text = _prepared(text, noise)
    width = noise.randrange(4, 14)
    rows = [text[at : at + width].ljust(width, noise.choice(" .x_")) for at in range(0, len(text), width)]
    places = [(row, column) for row in range(len(rows)) for column in range(width)]
    a, b = noise.choice(((1, 1), (1, -1), (0, 1), (2, 1), (1, 2)))
    places.sort(
        key=lambda place: (a * place[0] + b * place[1], place[0] if (place[0] + place[1]) % 2 else -place[0])
    )
    made = "".join(rows[row][column] for row, column in places)
    if noise.random() < 0.3:
        return "\n".join(made[at : at + width] for at in range(0, len(made), width))
    return made


def _within_words(text: str, noise: random.Random) -> str:
    """Letters of each word in another order, by a rule that is the same for all."""
    step, kind, extra = (
        noise.randrange(1, 5),
        noise.randrange(5),
        noise.choice(("", "", *_VOWELS, "ay", "em", "ix")),
    )

    def changed(match: re.Match[str]) -> str:
        word = match[0]
        if kind == 0:
            return word[::-1] + extra
        if kind == 1:
            return word[step:] + word[:step] + extra
        if kind == 2:
            return word[1::2] + word[::2] + extra
        if kind == 3:
            return word[::2] + word[1::2][::-1] + extra
        half = len(word) // 2
        return word[half:] + extra + word[:half]

    return re.sub(r"\w+", changed, _prepared(text, noise))


def _syllables(text: str, noise: random.Random) -> str:
    """A syllable before, behind or around each vowel, group of vowels or consonant."""
    pattern = noise.choice(("[aeiou]", "[aeiou]+", "[bcdfghjklmnpqrstvwxyz]", r"\b\w", r"\w\b"))
    syllable = noise.choice(_CONSONANTS) + noise.choice(_VOWELS) + noise.choice(("", "", *"bglnpr"))
    form = noise.choice((r"{0}\g<0>", r"\g<0>{0}", r"\g<0>{0}\g<0>"))
    return re.sub(pattern, form.format(syllable), text.lower())


def _fillers(text: str, noise: random.Random) -> str:
    """One or more random or chosen signs behind every so many."""
    every, count = noise.choice((1, 1, 1, 2, 2, 3)), noise.choice((1, 1, 2, 3))
    chosen = noise.choice((_SMALL, _SMALL, string.digits, "x", "q", "#*~^", _UNBROKEN))
    text = _prepared(text, noise)
    pieces = (text[at : at + every] for at in range(0, len(text), every))
    return "".join(piece + "".join(noise.choices(chosen, k=count)) for piece in pieces)


def _separated(text: str, noise: random.Random) -> str:
    every, between = (
        noise.choice((1, 1, 1, 2, 3)),
        noise.choice(
            ("-", ".", "*", "_", "~", "/", " . ", "<>", "--", "+", "|", "°", ",", "'", "%20", "&nbsp;")
        ),
    )
    text = _prepared(text, noise)
    return between.join(text[at : at + every] for at in range(0, len(text), every))


def _interleaved(text: str, noise: random.Random) -> str:
    other = itertools.cycle(
        noise.sample(text, len(text)) if noise.random() < 0.5 else text[len(text) // 2 :] + text
    )
    return "".join(sign + next(other) for sign in _prepared(text, noise))


def _wrapped_letters(text: str, noise: random.Random) -> str:
    """Each letter, or a few, in the same markup or call."""
    form = noise.choice(
        (
            "<{t}>{0}</{t}>",
            "[{t}]{0}[/{t}]",
            "{{{0}}}",
            "({0})",
            "`{0}`",
            "\\{t}{{{0}}}",
            "<{t} v='{0}'/>",
            "**{0}**",
            "<!--{t}-->{0}",
            "/*{t}*/{0}",
            "${0}$",
            "{t}({0!r})",
            "\x1b[3{n}m{0}",
        )
    )
    every, tag, digit = (
        noise.choice((1, 1, 1, 2, 3)),
        "".join(noise.choices(_SMALL, k=noise.randrange(1, 5))),
        noise.randrange(8),
    )
    pieces = [text[at : at + every] for at in range(0, len(text), every)]
    return noise.choice(("", "", " ", "+", "\n")).join(form.format(piece, t=tag, n=digit) for piece in pieces)


def _grid(text: str, noise: random.Random) -> str:
    text, width = _prepared(text, noise), noise.randrange(3, 16)
    between = noise.choice((" ", "|", " | ", "\t", ",", ", ", ""))
    rows = [text[at : at + width].ljust(width, noise.choice(" .-_")) for at in range(0, len(text), width)]
    if noise.random() < 0.4:
        rows = ["".join(column) for column in zip(*rows, strict=True)]
    if noise.random() < 0.2:
        rows = [row[::-1] if at % 2 else row for at, row in enumerate(rows)]
    edge = noise.choice(("", "", "|", "| "))
    return "\n".join(edge + between.join(row) + edge for row in rows)


def _pieces(text: str, noise: random.Random) -> str:
    """Pieces of some signs in variables, keys, elements or notes, in disorder."""
    size, name = noise.randrange(2, 9), "".join(noise.choices(_SMALL, k=noise.randrange(1, 6)))
    pieces = list(enumerate((text[at : at + size] for at in range(0, len(text), size)), noise.randrange(2)))
    ordered = list(pieces)
    if noise.random() < 0.7:
        noise.shuffle(pieces)
    kind = noise.randrange(6)
    if kind == 0:
        made = "\n".join(f"{name}{place} = {json.dumps(piece)}" for place, piece in pieces)
        return made + (
            f"\nprint({' + '.join(f'{name}{place}' for place, _ in ordered)})" if noise.random() < 0.6 else ""
        )
    if kind == 1:
        return json.dumps({f"{name}{place}": piece for place, piece in pieces})
    if kind == 2:
        return "".join(f'<{name} n="{place}">{piece}</{name}>' for place, piece in pieces)
    if kind == 3:
        return "\n".join(f"{place}{noise.choice(('.', ')', ':'))} {piece}" for place, piece in pieces)
    if kind == 4:
        return json.dumps([piece for _, piece in ordered])
    return "&".join(f"{name}{place}={piece}" for place, piece in pieces)


def _records(text: str, noise: random.Random) -> str:
    """A row for each letter with its place, in order or not."""
    rows = list(enumerate(text, noise.randrange(2)))
    if noise.random() < 0.6:
        noise.shuffle(rows)
    form = noise.choice(
        (
            "{0},{1}",
            "{0}: {1}",
            '{{"i": {0}, "c": "{1}"}}',
            "({0}, '{1}')",
            "{1}@{0}",
            "{1}{0}",
            "s[{0}]='{1}'",
            '<c i="{0}">{1}</c>',
            "{0} -> {2} [{1}]",
        )
    )
    return noise.choice(("\n", ", ", " ", "; ", "")).join(
        form.format(place, sign, place + 1) for place, sign in rows
    )


def _indexed(text: str, noise: random.Random) -> str:
    """Signs of a string that is told, by their places."""
    signs = noise.sample(sorted(set(text)), len(set(text)))
    name, between = noise.choice(_SMALL), noise.choice((" + ", ",", " ", ""))
    places = between.join(f"{name}[{signs.index(sign)}]" for sign in text)
    if noise.random() < 0.5:
        return f"{json.dumps(signs)}\n{json.dumps([signs.index(sign) for sign in text])}"
    return f"{name} = {json.dumps(''.join(signs))}\n{places}"


def _lines_of_letters(text: str, noise: random.Random) -> str:
    size = noise.choice((1, 1, 2, 3))
    text = _prepared(text, noise)
    return "\n".join(text[at : at + size] for at in range(0, len(text), size))


def _initials(text: str, noise: random.Random, words: Sequence[str]) -> str:
    """Words, or lines of words, whose first or last letters spell the text."""
    at = noise.choice((0, 0, -1))
    by_letter: dict[str, list[str]] = {}
    for word in words:
        by_letter.setdefault(word[at].lower(), []).append(word)
    letters = [each for each in text.lower() if each in by_letter]
    chosen = [noise.choice(by_letter[letter]) for letter in letters]
    if noise.random() < 0.3:
        count = noise.randrange(2, 6)
        return "\n".join(" ".join([word, *noise.choices(words, k=count)]) for word in chosen)
    return noise.choice((" ", " ", ", ", "\n")).join(chosen)


def _places(text: str, noise: random.Random, words: Sequence[str]) -> str:
    """Words and letters of a passage that is told, by number."""
    passage = noise.choices(words, k=noise.randrange(24, 60))
    places: dict[str, list[tuple[int, int]]] = {}
    for number, word in enumerate(passage, 1):
        for place, letter in enumerate(word.lower(), 1):
            places.setdefault(letter, []).append((number, place))
    form, between = (
        noise.choice(("{}.{}", "{}-{}", "({},{})", "{}:{}", "{}/{}")),
        noise.choice((" ", ", ", "; ", "\n")),
    )
    made = between.join(
        form.format(*noise.choice(places[letter])) for letter in text.lower() if letter in places
    )
    return f"{' '.join(passage)}\n\n{made}" if noise.random() < 0.8 else made


def _capitals(text: str, noise: random.Random, words: Sequence[str]) -> str:
    """Bits in the case, or in the choice between two signs, of a passage of words."""
    bits = "".join(f"{byte:08b}" for byte in text[: len(text) // 2 + 8].encode())
    made, place = "", 0
    while place < len(bits):
        word = noise.choice(words)
        for letter in word:
            made += letter.upper() if bits[place : place + 1] == "1" else letter.lower()
            place += letter.isalpha()
        made += " "
    return made


def _counts(text: str, noise: random.Random, words: Sequence[str]) -> str:
    """The place of each letter in the alphabet as a length: of runs of a sign, of lines, of gaps."""
    sign, between = noise.choice("*.-|#Iox ~"), noise.choice((" ", "\n", ", ", "/", "\n"))
    counts = [_SMALL.index(each) + 1 for each in text.lower() if each in _SMALL]
    if sign == " ":
        return "\n".join(" ".join(noise.choices(words, k=3)) + " " * count for count in counts)
    if noise.random() < 0.4:
        return between.join(f"{sign * (count // 6 + 1)} {sign * (count % 6 + 1)}" for count in counts)
    return between.join(sign * count for count in counts)
