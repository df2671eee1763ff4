"""What clients tell of their surroundings and of a conversation: tags, headings, turns, plans. Made at random; knows nothing about classifiers."""

import json
import random

from lethe.offline.text_models.made_texts.names import Material, time
from lethe.offline.text_models.made_texts.values import TAGS, one_tag, short_value

_ROLES = (
    "user",
    "assistant",
    "system",
    "tool",
    "developer",
    "human",
    "Human",
    "Assistant",
    "User",
    "System",
    "AI",
)


def tags(noise: random.Random, material: Material) -> str:
    """Tags with short values, one in another."""
    between, indent = noise.choice(("\n", "\n", "\n", "", " ")), noise.choice(("", "  ", "    ", "\t"))
    if between != "\n":
        indent = ""

    def inside(depth: int) -> list[str]:
        made: list[str] = []
        for _ in range(noise.choice((1, 1, 2, 3, 4, 5, 6))):
            tag, drawn = one_tag(noise, material), noise.random()
            told = (
                f' {noise.choice(TAGS)}="{short_value(noise, material)[:40]}"'
                if noise.random() < 0.15
                else ""
            )
            if depth < 2 and drawn < 0.25:
                within = [indent + line for line in inside(depth + 1)]
                made += [f"<{tag}{told}>", *within, f"</{tag}>"]
            elif drawn < 0.3:
                made.append(f"<{tag}{told} />")
            elif drawn < 0.4:
                made += [f"<{tag}{told}>", *material.lines(noise, noise.randrange(1, 9)), f"</{tag}>"]
            else:
                made.append(f"<{tag}{told}>{short_value(noise, material)}</{tag}>")
        return made

    lines, outer = inside(0), one_tag(noise, material)
    return between.join(
        [f"<{outer}>", *(indent + line for line in lines), f"</{outer}>"] if noise.random() < 0.8 else lines
    )


def headings(noise: random.Random, material: Material) -> str:
    """Surroundings under headings, as lists of names and values."""
    made: list[str] = []
    for _ in range(noise.randrange(1, 7)):
        title = " ".join(noise.choice(TAGS).capitalize() for _ in range(noise.choice((1, 2, 3))))
        made.append(noise.choice(("# {}", "## {}", "### {}", "**{}**", "{}:", "== {} ==")).format(title))
        kind = noise.randrange(4)
        if kind == 0:
            made += [material.path(noise) for _ in range(noise.randrange(1, 12))]
        elif kind == 1:
            bullet, colon = noise.choice(("- ", "* ", "")), noise.choice((": ", " = ", ":\t"))
            made += [
                f"{bullet}{one_tag(noise, material)}{colon}{short_value(noise, material)}"
                for _ in range(noise.randrange(1, 8))
            ]
        elif kind == 2:
            made += [f"{number}. {material.sentence(noise)}" for number in range(1, noise.randrange(2, 6))]
        else:
            made.append(short_value(noise, material))
        made += [""] * noise.randrange(2)
    return "\n".join(made)


def conversation(noise: random.Random, material: Material) -> str:
    """Turns written out, with the marks of a template or with names."""
    form = noise.choice(
        ("<|im_start|>{r}\n{t}<|im_end|>", "{r}: {t}", "### {r}:\n{t}\n", "[{r}] {t}", "<|{r}|>{t}<|end|>", "**{r}**: {t}", "<{r}>{t}</{r}>", "{w} {r}: {t}", '{{"role": "{r}", "content": "{t}"}}')
    )  # fmt: skip
    return "\n".join(
        form.format(r=noise.choice(_ROLES), t=material.sentence(noise), w=time(noise))
        for _ in range(noise.randrange(2, 12))
    )


def plan(noise: random.Random, material: Material) -> str:
    """Steps with their states."""
    mark = noise.choice(
        (
            ("[x]", "[ ]"),
            ("✓", "○"),
            ("✔", "☐"),
            ("- [x]", "- [ ]"),
            ("done", "todo"),
            ("completed", "pending"),
        )
    )
    rows = [material.sentence(noise, 90) for _ in range(noise.randrange(2, 9))]
    if noise.random() < 0.3:
        return json.dumps({"plan": [{"step": row, "status": noise.choice(mark)} for row in rows]})
    return "\n".join(f"{noise.choice(mark)} {row}" for row in rows)
