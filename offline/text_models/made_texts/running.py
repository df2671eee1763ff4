"""What running programs say: logs, traces, tests, bars. Made at random; knows nothing about classifiers."""

import random
import string

from lethe.offline.text_models.made_texts.names import Material, key, time


def logged(noise: random.Random, material: Material) -> str:
    level = noise.choice(
        (("INFO", "WARN", "ERROR", "DEBUG"), ("info", "warn", "error"), ("I", "W", "E"), ("notice", "crit"))
    )
    host, program = noise.choice(material.words), noise.choice(material.words)
    templates = [material.sentence(noise, 90) for _ in range(noise.randrange(1, 4))]
    form = noise.choice(
        (
            "{t} {l} [{n}] {m} {k}={v}", "{t} {h} {p}[{i}]: {m}", '{a} - - [{t}] "GET /{n} HTTP/1.1" {c} {i} "-" "Mozilla/5.0 (X11; Linux x86_64)"', "[{t}] {l} {m} ({k}: {v})",
            '{{"ts":"{t}","level":"{l}","logger":"{n}","msg":"{m}","{k}":{i}}}', "{l}:{n}:{m}", "{l}{i} {t} {i} {n}.go:{c}] {m}", "ts={t} level={l} msg=\"{m}\" {k}={v} {h}={i}",
            "[{i}.{c}] {n}: {m} 0x{x}", "{t}\t{l}\t{n}\t{m}",
        )
    )  # fmt: skip
    return "\n".join(
        form.format(
            t=time(noise), l=noise.choice(level), n=material.name(noise), m=noise.choice(templates), k=noise.choice(material.words), v=key(noise)[:12], h=host, p=program,
            i=noise.randrange(99999), c=noise.choice((200, 404, 500, 301, 12)), a=".".join(str(noise.randrange(256)) for _ in range(4)), x=f"{noise.getrandbits(48):012x}",
        )
        for _ in range(noise.randrange(2, 25))
    )  # fmt: skip


def trace(noise: random.Random, material: Material) -> str:
    kind, count = noise.randrange(5), noise.randrange(2, 16)
    error = f"{noise.choice(material.words).capitalize()}{noise.choice(('Error', 'Exception'))}: {material.sentence(noise, 100)}"
    if kind == 0:
        frames = "\n".join(
            f'  File "{material.path(noise)}", line {noise.randrange(2000)}, in {material.name(noise)}\n    {material.lines(noise, 1)[0].strip()}'
            for _ in range(count)
        )
        return f"Traceback (most recent call last):\n{frames}\n{error}"
    if kind == 1:
        return "\n".join(
            [
                error,
                *(
                    f"    at {material.name(noise)}.{material.name(noise)} ({material.path(noise)}:{noise.randrange(900)}:{noise.randrange(90)})"
                    for _ in range(count)
                ),
            ]
        )
    if kind == 2:
        package = ".".join(noise.choices(material.words, k=3))
        return "\n".join(
            [
                f"java.lang.{error}",
                *(
                    f"\tat {package}.{material.name(noise)}({material.name(noise)}.java:{noise.randrange(900)})"
                    for _ in range(count)
                ),
            ]
        )
    if kind == 3:
        return "\n".join(
            f"#{at}  0x{noise.getrandbits(48):016x} in {material.name(noise)} ({noise.choice(material.words)}=0x{noise.getrandbits(32):x}) at {material.path(noise)}:{noise.randrange(900)}"
            for at in range(count)
        )
    return "\n".join(
        f"{material.path(noise)}:{noise.randrange(900)}:{noise.randrange(80)}: {noise.choice(('error', 'warning', 'note'))}: {material.sentence(noise, 90)} [{noise.choice('EWFC')}{noise.randrange(1000)}]"
        for _ in range(count)
    )


def tests(noise: random.Random, material: Material) -> str:
    form = noise.choice(
        (
            "{p}::{n} {s} [{c:3d}%]",
            "  {m} {n} ({c} ms)",
            "--- {s}: {n} (0.{c:02d}s)",
            "test {n} ... {s}",
            "{p} {d} [{c:3d}%]",
            "{s} {p}",
            "[{c}/100] Building CXX object {p}.o",
        )
    )
    rows = [
        form.format(
            p=material.path(noise),
            n=material.name(noise),
            s=noise.choice(("PASSED", "FAILED", "ok", "SKIPPED")),
            m=noise.choice("✓✕○"),
            c=noise.randrange(100),
            d="." * noise.randrange(1, 60) + noise.choice(("", "F", "s..", "x")),
        )
        for _ in range(noise.randrange(3, 40))
    ]
    return "\n".join(
        [
            *rows,
            f"{'=' * 20} {noise.randrange(90)} passed, {noise.randrange(9)} failed in {noise.uniform(0, 90):.2f}s {'=' * 20}",
        ]
    )


def drawn(noise: random.Random, material: Material) -> str:
    """Frames, bars and arrows of signs around words."""
    kind = noise.randrange(4)
    if kind == 0:
        width = noise.randrange(8, 40)
        rows = [
            f"│ {noise.choice(material.words)[: width - 2].ljust(width - 2)} │"
            for _ in range(noise.randrange(2, 9))
        ]
        return "\n".join([f"┌{'─' * width}┐", *rows, f"└{'─' * width}┘"])
    if kind == 1:
        return "\n".join(
            f"{noise.choice(material.words):<12} {noise.randrange(101):3d}%|{'█' * noise.randrange(20)}{'░' * noise.randrange(20)}| {noise.randrange(900)}/{noise.randrange(900)} [{noise.randrange(60):02d}:{noise.randrange(60):02d}<00:{noise.randrange(60):02d}, {noise.uniform(0, 90):.2f}it/s]"
            for _ in range(noise.randrange(1, 15))
        )
    if kind == 2:
        return "\n".join(
            f"\x1b[{noise.randrange(30, 38)}m{noise.choice(material.words)}\x1b[0m {material.sentence(noise, 70)}"
            for _ in range(noise.randrange(2, 15))
        )
    arrow = noise.choice((" -> ", " --> ", " → ", " => ", " ---|"))
    return "\n".join(
        f"    {noise.choice(string.ascii_uppercase)}[{noise.choice(material.words)}]{arrow}{noise.choice(string.ascii_uppercase)}{{{noise.choice(material.words)}?}}"
        for _ in range(noise.randrange(3, 18))
    )


def repeated(noise: random.Random, material: Material) -> str:
    """One line or sentence again and again, with a part that changes or none."""
    said = noise.choice(
        (material.sentence(noise, 120), material.lines(noise, 1)[0], material.name(noise) + " does it.")
    )
    form = noise.choice(("{s}", "{s}", "{n}. {s}", "{s} {n}", "{w}: {s}", "{s} ({w})"))
    return noise.choice(("\n", " ", "\n\n")).join(
        form.format(s=said, n=at, w=noise.choice(material.words)) for at in range(noise.randrange(3, 40))
    )
