"""The servers that are measured beside each other, and what each is asked."""

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.servers import (
    installed_nginx,
    lethe,
    nginx,
    passthrough,
    targets_for_the_mock,
)
from lethe.bundle import load_bundles
from lethe.server.access.key_file import create_key
from lethe.server.targets.rollout import AnswerPolicy, change_deployment

PATH = "/v1/chat/completions"
CLEAN = "Who wrote Pride and Prejudice?"
FLAGGED = "Who is Harry Potter's best friend?"
BARE = "bare engine"
LITELLM_CASE = "LiteLLM, `--num_workers 1`"


@dataclass(frozen=True)
class Case:
    """A server and what it is asked, with the key that it wants."""

    port: int
    prompt: str = CLEAN
    key: str | None = None


@contextlib.contextmanager
def or_left_out(name: str) -> Iterator[None]:
    """Go on without a server that cannot be run here, and say so."""
    try:
        yield
    except SystemExit as reason:
        print(f"{name} is left out: {reason}", file=sys.stderr)


@contextlib.contextmanager
def light(engine: int, folder: Path) -> Iterator[dict[str, Case]]:
    """Those that cost nothing while they are not asked, and so may wait side by side."""
    targets = targets_for_the_mock(folder / "targets")
    _, key = create_key(folder / "keys.yaml", requests_per_minute=10**9, concurrency=10**6)
    recorded = {"LETHE_KEYS": str(folder / "keys.yaml"), "LETHE_AUDIT__FOLDER": str(folder / "audit")}
    with contextlib.ExitStack() as stack:
        cases = {}
        if installed_nginx():
            cases["nginx"] = Case(stack.enter_context(nginx(engine, folder / "nginx")))
        cases["FastAPI and aiohttp, bare passthrough"] = Case(stack.enter_context(passthrough(engine)))
        (folder / "none").mkdir()
        unguarded = stack.enter_context(lethe(engine, folder / "none"))
        guarded = stack.enter_context(lethe(engine, targets))
        audited = stack.enter_context(lethe(engine, targets, recorded))
        prompts_alone = targets_for_the_mock(folder / "prompts-alone")
        for bundle in load_bundles(prompts_alone):
            change_deployment(prompts_alone, bundle.name, answers=AnswerPolicy.OFF)
        passing_answers = stack.enter_context(lethe(engine, prompts_alone))
        yield cases | {
            "Lethe, no targets": Case(unguarded),
            "Lethe, clean prompt, answers not judged": Case(passing_answers),
            "Lethe, clean prompt": Case(guarded),
            "Lethe, flagged prompt": Case(guarded, FLAGGED),
            "Lethe, clean prompt, keys and audit": Case(audited, CLEAN, key),
        }
