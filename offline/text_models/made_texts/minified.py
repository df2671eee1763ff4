"""Code as build tools write it: real code with its names shortened and its spaces gone, and maps back to its sources.

Knows nothing about classifiers.
"""

import base64
import json
import random
import re
import string
from collections.abc import Iterator

from lethe.offline.text_models.made_texts.names import Material

_STRING = r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'"
_COMMENT = r"/\*.*?\*/|(?<![:\\])//[^\n]*|^\s*\#[^\n]*"
_PIECE = re.compile(
    rf"(?P<comment>{_COMMENT})|(?P<string>{_STRING})|(?P<name>\.?[A-Za-z_$][\w$]*)|(?P<gap>\s+)",
    re.DOTALL | re.MULTILINE,
)
_KEPT = frozenset([
    "var", "let", "const", "function", "return", "if", "else", "for", "while", "do", "switch", "case", "default", "break", "continue", "new", "delete",
    "typeof", "instanceof", "in", "of", "this", "null", "true", "false", "undefined", "void", "throw", "try", "catch", "finally", "class", "extends",
    "super", "import", "export", "from", "as", "async", "await", "yield", "static", "get", "set", "int", "float", "double", "char", "long", "unsigned",
    "struct", "def", "None", "True", "False", "self", "lambda", "not", "and", "or", "is", "with", "pass", "raise", "except", "elif", "Math", "Object",
    "Array", "JSON", "String", "Number", "document", "window", "console",
])  # fmt: skip
_DIGITS = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
_SHORT_NAMES, _LONG_LINE = 26, 200
# What a statement ends in, where a line does.
_ENDS = frozenset(string.ascii_letters + string.digits + ")]'\"")


def is_minified(text: str) -> bool:
    """Whether a program's lines are as long as build tools make them."""
    return len(text) > _LONG_LINE * (text.count("\n") + 1)


def minified(noise: random.Random, material: Material) -> str:
    """Some lines of real code, minified; what is no code comes out as its words put together."""
    text = noise.choice(material.code)
    start = noise.randrange(max(len(text) - 4000, 0) + 1)
    names = _short_names(noise)
    table: dict[str, str] = {}
    share = noise.choice((0.5, 0.8, 0.95))
    made = ""
    for match in _pieces(text[start : start + noise.randrange(400, 4000)]):
        if isinstance(match, str):
            made += match
            continue
        name, gap = match["name"], match["gap"]
        if match["comment"] is not None:
            continue
        if gap is not None:
            ends = "\n" in gap and made[-1:] in _ENDS
            made += ";" if ends else " " if made[-1:].isalnum() else ""
        elif name is None or name.startswith(".") or name in _KEPT:
            made += match[0]
        else:
            if name not in table:
                table[name] = next(names) if noise.random() < share else name
            made += table[name]
    made = re.sub(r" (?=[^\w$])|;(?=[.})\]?:&|+])", "", made)
    width = noise.choice((500, 10_000, 32_000))
    return "\n".join(made[at : at + width] for at in range(0, len(made), width))


def source_map(noise: random.Random, material: Material) -> str:
    """A map from a file that was made to its sources, or a part of one."""
    mappings = ";".join(
        ",".join(_segment(noise) for _ in range(noise.randrange(1, noise.choice((4, 12, 60)))))
        for _ in range(noise.randrange(1, 40))
    )
    if noise.random() < 0.15:
        return mappings
    fields = {
        "version": 3,
        "file": material.file(noise),
        "sources": [material.path(noise) for _ in range(noise.randrange(1, 9))],
        "names": [
            noise.choice((material.name(noise), noise.choice(material.words)))
            for _ in range(noise.randrange(40))
        ],
        "mappings": mappings,
    }
    if noise.random() < 0.5:
        fields["sourcesContent"] = [noise.choice(material.code)[:2000]]
    names = list(fields)
    noise.shuffle(names)
    made = json.dumps({name: fields[name] for name in names}, separators=noise.choice((None, (",", ":"))))
    if noise.random() < 0.12:
        return "//# sourceMappingURL=data:application/json;base64," + base64.b64encode(made.encode()).decode()
    return made


def module_table(noise: random.Random, material: Material) -> str:
    """Modules of a bundle, and what stands around them: numbers, hashes, escaped sources."""
    made: list[str] = []
    for _ in range(noise.randrange(1, 8)):
        code = minified(noise, material)[:500]
        number = noise.choice(
            (str(noise.randrange(99_999)), json.dumps(material.path(noise)), noise.randbytes(3).hex())
        )
        kind = noise.randrange(4)
        if kind == 0:
            made.append(f'{number}:(e,t,n)=>{{"use strict";n.d(t,{{A:()=>r}});{code}}}')
        elif kind == 1:
            made.append(f"{number}:function(module,exports,__webpack_require__){{eval({json.dumps(code)})}}")
        elif kind == 2:
            made.append(
                f'{{"id":{number},"chunks":[{noise.randrange(99)}],"hash":"{noise.randbytes(10).hex()}","size":{noise.randrange(10**5)}}}'
            )
        else:
            made.append(f"!function(e,t){{{code}}}(this,{number})")
    return ",".join(made)


def _pieces(text: str) -> Iterator[str | re.Match[str]]:
    end = 0
    for match in _PIECE.finditer(text):
        if match.start() > end:
            yield text[end : match.start()]
        yield match
        end = match.end()
    yield text[end:]


def _short_names(noise: random.Random) -> Iterator[str]:
    letters = string.ascii_lowercase + string.ascii_uppercase + "$_"
    first = noise.sample(letters, len(letters)) if noise.random() < 0.5 else list(letters)
    yield from first[:_SHORT_NAMES]
    while True:
        yield noise.choice(letters) + noise.choice(letters + string.digits)


def _segment(noise: random.Random) -> str:
    kind = noise.random()
    column = _quantity(round(noise.expovariate(0.12)))
    if kind < 0.1:
        return column
    line = noise.choice((0, 0, 0, 0, 1, 1, 2, -1, noise.randrange(-40, 60)))
    made = (
        column
        + _quantity(noise.choice((0,) * 30 + (1,)))
        + _quantity(line)
        + _quantity(round(noise.gauss(0, 14)))
    )
    return made + _quantity(round(noise.gauss(0, 6))) if noise.random() < 0.35 else made


def _quantity(value: int) -> str:
    """A number in base64 of variable length, the sign in the lowest bit (source maps, revision 3)."""
    rest, made = (abs(value) << 1) | (value < 0), ""
    while True:
        rest, digit = rest >> 5, rest & 31
        made += _DIGITS[digit | (32 if rest else 0)]
        if not rest:
            return made
