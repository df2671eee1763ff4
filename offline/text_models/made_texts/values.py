"""Short values and tags as programs put them beside each other. Made at random; knows nothing about classifiers."""

import random
from collections.abc import Callable
from typing import Any

from lethe.offline.text_models.made_texts.names import Material, key, time, version

TAGS = (
    "context", "environment", "system", "user", "workspace", "project", "cwd", "shell", "sandbox", "mode", "approval", "policy",
    "network", "access", "platform", "os", "version", "date", "time", "timezone", "branch", "status", "git", "files", "open",
    "visible", "selection", "cursor", "editor", "task", "goal", "result", "output", "error", "tool", "call", "instructions",
    "rules", "reminder", "memory", "document", "source", "answer", "feedback", "question", "example", "input", "command", "path",
    "content", "diff", "patch", "root", "directory", "terminal", "permissions", "model", "session", "state", "settings", "info",
    "details", "name", "type", "value", "description", "arguments", "thinking",
)  # fmt: skip


VALUES = (
    "bash", "zsh", "fish", "powershell", "cmd", "yes", "no", "true", "false", "none", "null", "on", "off", "read-only",
    "workspace-write", "full", "never", "always", "ask", "auto", "manual", "restricted", "enabled", "disabled", "linux", "darwin",
    "windows", "macos", "ubuntu", "x86_64", "arm64", "aarch64", "main", "master", "develop", "utf-8", "en", "de", "fr", "UTC",
    "GMT", "python", "node", "rust", "go", "java", "vim", "code", "user", "admin", "default", "low", "medium", "high", "idle",
    "running", "done", "pending", "completed", "failed", "success", "ok",
)  # fmt: skip


def one_tag(noise: random.Random, material: Material) -> str:
    parts = [
        noise.choice(TAGS if noise.random() < 0.8 else material.words)
        for _ in range(noise.choice((1, 1, 2, 2, 3)))
    ]
    kind = noise.randrange(6)
    if kind < 3:
        return "_".join(parts)
    if kind == 3:
        return "-".join(parts)
    return " ".join(parts[:2]) if kind == 4 else parts[0] + "".join(map(str.capitalize, parts[1:]))


def short_value(noise: random.Random, material: Material) -> str:
    kind = noise.randrange(14)
    if kind < 4:
        return noise.choice(VALUES)
    if kind < 7:
        return material.path(noise)
    makings: tuple[Callable[[], str], ...] = (
        lambda: noise.choice(material.words),
        lambda: material.sentence(noise),
        lambda: time(noise),
        lambda: str(noise.randrange(10 ** noise.randrange(1, 6))),
        lambda: material.name(noise),
        lambda: version(noise),
        lambda: ", ".join(material.file(noise) for _ in range(noise.randrange(1, 6))),
    )
    return makings[kind - 7]()


def any_value(noise: random.Random, material: Material) -> Any:
    return noise.choice(
        (
            lambda: noise.randrange(10 ** noise.randrange(1, 9)), lambda: round(noise.gauss(0, 10 ** noise.randrange(4)), noise.randrange(1, 8)),
            lambda: noise.choice(material.words), lambda: material.name(noise), lambda: noise.random() < 0.5, lambda: None, lambda: time(noise),
            lambda: key(noise), lambda: material.sentence(noise, noise.choice((20, 60, 150))), lambda: material.path(noise), lambda: material.address(noise),
            lambda: f"#{noise.getrandbits(24):06x}", lambda: version(noise), lambda: noise.choice("ABCDEFXYNTF"), lambda: noise.randrange(3),
        )
    )()  # fmt: skip
