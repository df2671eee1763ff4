"""The ways to a model that a target stands before: its engine, a proxy that judges prompts, and one that judges answers too."""

import asyncio
import contextlib
import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.leaks.asked import TOKENS, Asked
from bench.leaks.data import Fact
from bench.reproduction.serving import served
from bench.servers import UNHURRIED, running
from lethe.bundle.manifest import MANIFEST_NAME
from lethe.offline.data.json_lines import append_lines, read_whole_lines
from lethe.offline.language_models.http import post_all, served_models
from lethe.server.engines.process import free_loopback_port
from lethe.server.targets.rollout import change_deployment

_CONCURRENCY = 32
_KEPT_TOGETHER = 64


@dataclass(frozen=True)
class Way:
    """A way to the model.

    Attributes
    ----------
    model
        Its name there.
    log
        Where all that is asked and answered is kept; what is there already is not asked again.
    tokens
        Length of an answer at most.
    """

    name: str
    url: str
    model: str
    log: Path
    tokens: int
    key: str | None = None

    @cached_property
    def _answers(self) -> dict[str, str]:
        return dict(read_whole_lines(self.log))

    def ask(self, asked: Sequence[Asked]) -> list[str]:
        """The answers, in their order."""
        fields: dict[str, Any] = {"max_tokens": self.tokens, "temperature": 0}
        bodies = [fields | {"messages": messages} | dict(further) for messages, further in asked]
        keys = [json.dumps({"way": self.name, **body}) for body in bodies]
        missing = {
            key: {"model": self.model, **body}
            for key, body in zip(keys, bodies, strict=True)
            if key not in self._answers
        }
        url = f"{self.url}/v1/chat/completions"
        waiting = list(missing)
        for first in range(0, len(waiting), _KEPT_TOGETHER):
            some = waiting[first : first + _KEPT_TOGETHER]
            choices = asyncio.run(post_all([(url, missing[key]) for key in some], self.key, _CONCURRENCY))
            found = {
                key: choice["message"]["content"] or "" for key, choice in zip(some, choices, strict=True)
            }
            append_lines(self.log, found.items())
            self._answers.update(found)
        return [self._answers[key] for key in keys]

    def tells(self, known: Sequence[Fact], asked: Sequence[Asked]) -> list[bool]:
        """Which facts the answers tell."""
        return [fact.is_told_by(answer) for fact, answer in zip(known, self.ask(asked), strict=True)]


@dataclass(frozen=True)
class Ways:
    """The same engine, without a guard, behind one that judges prompts, and behind one that judges answers too."""

    bare: Way
    prompts: Way
    exchange: Way

    @property
    def each(self) -> tuple[Way, Way, Way]:
        return self.bare, self.prompts, self.exchange


@contextlib.contextmanager
def ways_to(
    model: Path, bundle: Path, cache: Path, tokens: int = TOKENS, *, anew: bool = False
) -> Iterator[Ways]:
    """Serve a model with a target, whose answers one proxy judges and another does not.

    Parameters
    ----------
    cache
        Where answers are kept, by model and bundle.
    tokens
        Length of an answer at most.
    anew
        Whether what was answered before is asked again.
    """
    log = cache / "bench" / "leaks" / f"answers-{_digest(model, bundle)}.jsonl"
    if anew:
        log.unlink(missing_ok=True)
    with served(model, bundle, cache) as proxy, tempfile.TemporaryDirectory() as folder:
        targets = Path(folder)
        shutil.copytree(bundle, targets / bundle.name)
        change_deployment(targets, bundle.name, answers="off")
        port = free_loopback_port()
        command = [sys.executable, "-m", "lethe", "serve", "--port", str(port), "--targets", folder]
        command += ["--engine-url", proxy.engine_url]
        environment = {
            "LETHE_ENGINE__API_KEY": proxy.engine_key or "",
            "LETHE_ENGINE__TOKENIZER": str(model),
        } | UNHURRIED
        with running(None, command, port, "/ready", environment):
            name = next(iter(asyncio.run(served_models(proxy.url, None))))
            yield Ways(
                Way("bare engine", proxy.engine_url, name, log, tokens, proxy.engine_key),
                Way("prompts alone", f"http://127.0.0.1:{port}", name, log, tokens),
                Way("answers too", proxy.url, name, log, tokens),
            )


def _digest(model: Path, bundle: Path) -> str:
    """Of who is asked: another model or bundle answers otherwise."""
    manifest = (bundle / MANIFEST_NAME).read_bytes()
    return hashlib.sha256(manifest + model.name.encode()).hexdigest()[:12]
