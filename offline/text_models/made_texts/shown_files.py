"""Files as tools show them: numbered, found, quoted, changed, completed, with their sources. Made at random; knows nothing about classifiers."""

import json
import random
from typing import Any

from lethe.offline.text_models.made_texts.names import Material, key
from lethe.offline.text_models.made_texts.values import TAGS, VALUES


def shown_file(noise: random.Random, material: Material) -> str:
    """Lines of a file as a tool shows them: numbered, found by a search, quoted, as a record."""
    lines, path = material.lines(noise, noise.randrange(2, 40)), material.path(noise)
    start, kind = noise.choice((0, 1, noise.randrange(900))), noise.randrange(9)
    if kind == 0:
        form = noise.choice(("{:6d}\t{}", "{:>5}→{}", "{} | {}", "{}: {}", "{:4d}  {}", "L{}: {}", "{}\t{}"))
        return "\n".join(form.format(number, line) for number, line in enumerate(lines, start))
    if kind == 1:
        return "\n".join(
            f"{material.path(noise) if noise.random() < 0.3 else path}:{noise.randrange(1, 2000)}:{line}"
            for line in lines
        )
    if kind == 2:
        return "\n".join(noise.choice(("> ", "    ", "// ", "# ", "| ")) + line for line in lines)
    if kind == 3:
        return json.dumps(
            {
                noise.choice(("content", "output", "text", "result", "stdout")): "\n".join(lines),
                **_fields(noise, material),
            }
        )
    if kind == 4:
        return f"[{noise.choice(TAGS)}_{noise.choice(TAGS)} for '{path}'] Result:\n" + "\n".join(lines)
    if kind == 5:
        return (
            f"```{noise.choice(('', 'python', 'json', 'ts', 'text', 'diff'))}{noise.choice(('', ' ' + path))}\n"
            + "\n".join(lines)
            + "\n```"
        )
    if kind == 6:
        return json.dumps([{"type": "text", "text": line} for line in lines])
    if kind == 7:
        return f"<file path={json.dumps(path)}>\n" + "\n".join(lines) + "\n</file>"
    cut = "\n".join(lines)
    return cut[: noise.randrange(40, 320)]


def passages(noise: random.Random, material: Material) -> str:
    """Passages that were found for a question, with their sources."""
    form = noise.choice(
        (
            '<source id="{n}" name="{p}">{t}</source>', "[{n}] {t} ({p})", "Document {n}: {p}\n{t}", '<document index="{n}">\n<source>{p}</source>\n<content>\n{t}\n</content>\n</document>',
            "### {p}\n{t}", "- {t} [{n}]",
        )
    )  # fmt: skip
    made = [
        form.format(
            n=number,
            p=material.path(noise) if noise.random() < 0.5 else material.address(noise),
            t="\n".join(material.lines(noise, noise.randrange(1, 7))),
        )
        for number in range(1, noise.randrange(2, 7))
    ]
    return "\n".join(made)


def completion(noise: random.Random, material: Material) -> str:
    """Code before and after a place that is to be filled."""
    before, after = (
        material.lines(noise, noise.randrange(2, 14)),
        material.lines(noise, noise.randrange(1, 9)),
    )
    return noise.choice(
        ("<fim_prefix>{a}<fim_suffix>{b}<fim_middle>", "<|fim_prefix|>{a}<|fim_suffix|>{b}<|fim_middle|>", "{a}<CURSOR>{b}", "<PRE> {a} <SUF>{b} <MID>", "{a}")
    ).format(a="\n".join(before), b="\n".join(after))  # fmt: skip


def patch(noise: random.Random, material: Material) -> str:
    """An edit as an agent asks for it."""
    old, new, path = (
        (material.lines(noise, noise.randrange(1, 7)) for _ in range(2)),
        material.lines(noise, 3),
        material.path(noise),
    )
    before = next(iter(old))
    kind = noise.randrange(4)
    if kind == 0:
        body = "\n".join([*(f"-{line}" for line in before), *(f"+{line}" for line in new)])
        return f"*** Begin Patch\n*** Update File: {path}\n@@\n{body}\n*** End Patch"
    if kind == 1:
        return (
            f"{path}\n<<<<<<< SEARCH\n"
            + "\n".join(before)
            + "\n=======\n"
            + "\n".join(new)
            + "\n>>>>>>> REPLACE"
        )
    if kind == 2:
        return json.dumps({"file_path": path, "old_string": "\n".join(before), "new_string": "\n".join(new)})
    return (
        f"<edit><path>{path}</path><old>"
        + "\n".join(before)
        + "</old><new>"
        + "\n".join(new)
        + "</new></edit>"
    )


def _fields(noise: random.Random, material: Material) -> dict[str, Any]:
    names = noise.choices(
        (
            "exit_code",
            "duration",
            "is_error",
            "status",
            "id",
            "cwd",
            "truncated",
            "lines",
            "pid",
            material.name(noise),
        ),
        k=noise.randrange(4),
    )
    return {
        name: noise.choice((0, 1, None, True, round(noise.random(), 3), noise.choice(VALUES), key(noise)))
        for name in names
    }
