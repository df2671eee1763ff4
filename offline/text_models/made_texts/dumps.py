"""Bytes, keys and digests that say nothing. Made at random; knows nothing about classifiers."""

import base64
import json
import random
import string
from collections.abc import Callable

from lethe.offline.text_models.made_texts.names import Material, key


def dump(noise: random.Random, material: Material) -> str:
    kind, data = noise.randrange(6), noise.randbytes(noise.randrange(64, 500))
    if kind == 0:
        rows = (data[at : at + 16] for at in range(0, len(data), 16))
        return "\n".join(
            f"{16 * at:08x}  {row.hex(' ')}  |{''.join(chr(each) if 32 <= each < 127 else '.' for each in row)}|"
            for at, row in enumerate(rows)
        )
    if kind == 1:
        names = (
            "mov",
            "add",
            "push",
            "pop",
            "call",
            "jmp",
            "lea",
            "cmp",
            "xor",
            "ret",
            "test",
            "je",
            "sub",
            "nop",
        )
        registers = ("rax", "rbx", "rcx", "rdi", "rsi", "r8", "r12", "[rbp-0x8]", "eax", "xmm0", "0x10")
        return "\n".join(
            f"  {0x401000 + 4 * at:x}:\t{noise.choice(names)}\t{noise.choice(registers)}, {noise.choice(registers)}"
            for at in range(noise.randrange(5, 40))
        )
    if kind == 2:
        values = [
            round(noise.gauss(0, 0.05), noise.choice((4, 8, 17))) for _ in range(noise.randrange(20, 200))
        ]
        return json.dumps({"object": "embedding", "index": 0, "embedding": values})
    if kind == 3:
        return json.dumps(
            [noise.randrange(50_000) for _ in range(noise.randrange(20, 300))],
            separators=noise.choice((None, (",", ":"))),
        )
    if kind == 4:
        parts = [
            base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "typ": "JWT"}).encode()),
            base64.urlsafe_b64encode(data[:90]),
            base64.urlsafe_b64encode(data[:32]),
        ]
        return noise.choice(("Authorization: Bearer ", "token=", "")) + ".".join(
            part.decode().rstrip("=") for part in parts
        )
    return f'{noise.choice(("<img src=", "url(", "image: "))}"data:image/{noise.choice(("png", "jpeg", "webp"))};base64,{base64.b64encode(b"%PNG" + data).decode()}"'


def keys(noise: random.Random, material: Material) -> str:
    """Many keys of one kind, with or without names."""
    kind = noise.randrange(6)
    makers: tuple[Callable[[], str], ...] = (
        lambda: noise.randbytes(20).hex(), lambda: noise.randbytes(16).hex(), lambda: noise.randbytes(32).hex(), lambda: key(noise),
        lambda: "-".join("".join(noise.choices("0123456789abcdef", k=count)) for count in (8, 4, 4, 4, 12)),
        lambda: "".join(noise.choices(string.ascii_uppercase + string.digits, k=10)),
    )  # fmt: skip
    form = noise.choice(
        ("{k}", "{k}", "{k}  {f}", "{f}: {k}", '"{k}",', "- {k}", "{n}\t{k}", "'{k}'", "sha256:{k} {f}")
    )
    return noise.choice(("\n", "\n", ", ", " ")).join(
        form.format(k=makers[kind](), f=material.file(noise), n=at) for at in range(noise.randrange(2, 30))
    )
