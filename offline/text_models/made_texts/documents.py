"""Settings, markup, letters and minutes. Made at random; knows nothing about classifiers."""

import json
import random

from lethe.offline.text_models.made_texts.names import Material, key, time
from lethe.offline.text_models.made_texts.values import any_value


def settings(noise: random.Random, material: Material) -> str:
    kind, rows = noise.randrange(6), []
    for _ in range(noise.randrange(3, 30)):
        name, value = material.name(noise), any_value(noise, material)
        if kind == 0:
            rows.append(
                f"{'  ' * noise.randrange(4)}{noise.choice(('', '', '- '))}{name}: {value if noise.random() < 0.8 else ''}"
            )
        elif kind == 1:
            rows.append(f"{name} = {json.dumps(value)}" if noise.random() < 0.85 else f"\n[{name}]")
        elif kind == 2:
            rows.append(f"{noise.choice(('export ', '', ''))}{name.upper()}={value}")
        elif kind == 3:
            rows.append(f"{name} {value};" if noise.random() < 0.8 else f"{name} {{")
        elif kind == 4:
            rows.append(
                f"<{name}>{value}</{name}>"
                if noise.random() < 0.7
                else f'<{name} {noise.choice(material.words)}="{value}"/>'
            )
        else:
            rows.append(f"{name}.{noise.choice(material.words)}={value}")
        if noise.random() < 0.08:
            rows.append(f"# {material.sentence(noise, 80)}")
    return "\n".join(rows)


def document(noise: random.Random, material: Material) -> str:
    """Nested elements: pages, drawings, feeds."""
    tags, made = (
        noise.choices(
            (
                "div",
                "p",
                "li",
                "td",
                "path",
                "g",
                "item",
                "entry",
                "string",
                "Row",
                "Cell",
                "key",
                "w:t",
                "svg:rect",
            ),
            k=4,
        ),
        [],
    )
    for _ in range(noise.randrange(3, 30)):
        tag = noise.choice(tags)
        told = "".join(
            f' {noise.choice(material.words)}="{any_value(noise, material)}"'
            for _ in range(noise.randrange(4))
        )
        inner = noise.choice(
            (
                material.sentence(noise, 80),
                str(noise.randrange(999)),
                "",
                noise.choice(material.words),
                f"<{tags[0]}>{noise.choice(material.words)}</{tags[0]}>",
            )
        )
        made.append(f"<{tag}{told}>{inner}</{tag}>" if inner or noise.random() < 0.5 else f"<{tag}{told}/>")
    return noise.choice(("", "\n", "\n  ")).join(made)


def mail(noise: random.Random, material: Material) -> str:
    """Headers of a letter or a request, and a body."""
    names = (
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Received",
        "Content-Type",
        "X-Mailer",
        "User-Agent",
        "Accept",
        "Host",
        "Cookie",
        "ETag",
        "Cache-Control",
        "Server",
        "Set-Cookie",
    )
    rows = [
        f"{noise.choice(('', '', '< ', '> '))}{name}: {any_value(noise, material)}"
        for name in noise.sample(names, noise.randrange(3, 12))
    ]
    return "\n".join([*rows, "", *material.lines(noise, noise.randrange(1, 8))])


def minutes(noise: random.Random, material: Material) -> str:
    """Sentences with times or speakers: subtitles, transcripts, chats, calendars."""
    who = [noise.choice(material.words).capitalize() for _ in range(noise.randrange(1, 5))]
    form = noise.choice(
        (
            "{n}\n00:{a:02d}:{b:02d},{c:03d} --> 00:{a:02d}:{d:02d},{c:03d}\n{s}\n",
            "[{t}] {w}: {s}",
            "{w} ({t}): {s}",
            "<{w}> {s}",
            "BEGIN:VEVENT\nDTSTART:{y}T{n:06d}Z\nSUMMARY:{s}\nUID:{k}\nEND:VEVENT",
            "{t} - {w}: {s}",
            "{w}\n{t}\n{s}\n",
        )
    )
    rows = [
        form.format(
            n=at,
            a=noise.randrange(60),
            b=noise.randrange(60),
            c=noise.randrange(1000),
            d=noise.randrange(60),
            s=material.sentence(noise, 100),
            t=time(noise),
            w=noise.choice(who),
            y=noise.randrange(20000101, 20281231),
            k=key(noise),
        )
        for at in range(1, noise.randrange(3, 20))
    ]
    return "\n".join(rows)
