"""Bytes, keys and digests that say nothing. Made at random; knows nothing about classifiers."""

import base64
import json
import math
import random
import string
from collections.abc import Callable

from lethe.offline.classifier_training.made_texts.names import Material, key


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


def structured_bytes(noise: random.Random, material: Material) -> str:
    """Bytes that are far from even, in base64, hexadecimal or decimal: pictures of few colours, samples, certificates, records."""
    kind, data = noise.randrange(5), b""
    if kind == 0:
        colours = [noise.randbytes(noise.choice((1, 3, 4))) for _ in range(noise.randrange(1, 6))]
        while len(data) < 500:
            data += noise.choice(colours) * noise.randrange(1, 40)
    elif kind == 1:
        step = noise.uniform(0.05, 1)
        samples = (int(9000 * math.sin(step * place)) for place in range(300))
        data = b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)
    elif kind == 2:
        while len(data) < 500:
            said = " ".join(noise.choices(material.words, k=noise.randrange(1, 4))).title()
            told = said.encode(noise.choice(("utf-8", "utf-8", "utf-16-be")))
            data += (
                bytes(
                    (
                        0x31,
                        len(told) + 11,
                        0x30,
                        len(told) + 9,
                        6,
                        3,
                        0x55,
                        4,
                        noise.randrange(3, 12),
                        0x13,
                        len(told) % 128,
                    )
                )
                + told
            )
            data += noise.randbytes(noise.randrange(3))
    elif kind == 3:
        row = noise.randbytes(noise.randrange(4, 24))
        while len(data) < 500:
            data += bytes(byte if noise.random() < 0.8 else noise.randrange(256) for byte in row)
    else:
        while len(data) < 500:
            data += bytes(noise.randrange(1, 6)) + noise.randbytes(noise.randrange(1, 12))
    data = (
        noise.choice(
            (
                b"",
                b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
                b"BM6\0\0\0",
                b"RIFF$\0\0\0WAVEfmt ",
                b"\0\0\1\0\1\0",
                b"0\x82\x03\x02\x02\x01",
            )
        )
        + data[: noise.randrange(90, 500)]
    )
    made = base64.b64encode(data).decode()
    return noise.choice(
        (
            lambda: made, lambda: "\n".join(made[at : at + 64] for at in range(0, len(made), 64)), lambda: f"data:image/png;base64,{made}", data.hex,
            lambda: f'url("data:image/gif;base64,{made}")', lambda: ", ".join(f"0x{byte:02x}" for byte in data), lambda: json.dumps(list(data)),
            lambda: "-----BEGIN CERTIFICATE-----\n" + "\n".join(made[at : at + 64] for at in range(0, len(made), 64)) + "\n-----END CERTIFICATE-----",
        )
    )()  # fmt: skip
