"""Asks suites that others wrote of the bare engine and of the proxy before it, and says where they differ.

``make bench-compatibility`` writes docs/compatibility.md and fails where a difference has no reason. ARGS="openai-python" runs
the suites whose names begin so, and writes nothing.
"""

import contextlib
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.compatibility.reasons import reason_of
from bench.compatibility.suites import CannotBeHad, Suite, VllmSuite, all_suites
from bench.page import machine, table, vllm_distribution, write_section
from bench.repository import TARGETS
from bench.servers import lethe, running
from lethe.models.cache import cache_folder
from lethe.models.smollm2 import SMOLLM2, prepare_smollm2
from lethe.server.engines.process import free_loopback_port

# What a model samples, or does when several ask at once, differs between two runs of the same.
_FURTHER_TRIES = 2


@dataclass(frozen=True)
class Compared:
    """What became of a suite: which tests pass, before the bare engine and before the guard."""

    suite: str
    bare: dict[str, bool]
    guarded: dict[str, bool]

    @property
    def differing(self) -> list[str]:
        return sorted(
            name for name in self.bare.keys() & self.guarded if self.bare[name] != self.guarded[name]
        )


def main() -> None:
    wanted = sys.argv[1:]
    cache = cache_folder() / "bench" / "compatibility"
    chosen = [each for each in all_suites(cache) if not wanted or each.name.lower().startswith(tuple(wanted))]
    model = prepare_smollm2(cache_folder())
    had, missing = _had(chosen)
    names = [SMOLLM2, *(name for each in had if isinstance(each, VllmSuite) for name in each.model_names)]
    with _engine(model, [*dict.fromkeys(names)]) as engine, lethe(engine, TARGETS, core=None) as guard:
        bare, guarded = f"http://127.0.0.1:{engine}", f"http://127.0.0.1:{guard}"
        compared = [_compared(each, bare, guarded, model) for each in had]
    body = _body(compared, missing)
    if wanted:
        print(body)
    else:
        write_section("compatibility.md", "Suites", "make bench-compatibility", body)
    unexplained = [name for each in compared for name in each.differing if reason_of(name) is None]
    if unexplained:
        sys.exit(f"without a reason: {', '.join(unexplained)}")


def _had(suites: Sequence[Suite]) -> tuple[list[Suite], dict[str, str]]:
    """The suites that can be had here, and why the others cannot."""
    had: list[Suite] = []
    missing: dict[str, str] = {}
    for suite in suites:
        try:
            suite.prepare()
            had.append(suite)
        except CannotBeHad as reason:
            missing[suite.name] = str(reason)
    return had, missing


@contextlib.contextmanager
def _engine(model: Path, names: Sequence[str]) -> Iterator[int]:
    """vLLM with the plugin, which answers to all these names."""
    port = free_loopback_port()
    command = [sys.executable, "-m", "vllm.entrypoints.launchers.api_server.entry", "--model", str(model)]
    command += ["--served-model-name", *names, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--enforce-eager", "--max-model-len", "2048", "--enable-tokenizer-info-endpoint"]
    command += ["--enable-auto-tool-choice", "--tool-call-parser", "hermes", "--enable-prompt-tokens-details"]
    environment = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_LOGGING_LEVEL": "ERROR"}
    with running(None, command, port, "/health", environment):
        yield port


def _compared(suite: Suite, bare: str, guarded: str, model: Path) -> Compared:
    def ask(url: str, only: Collection[str] | None = None) -> dict[str, bool]:
        return suite.run(url, SMOLLM2, model, only)

    compared = Compared(suite.name, ask(bare), ask(guarded))
    for _ in range(_FURTHER_TRIES):
        for url, found in ((bare, compared.bare), (guarded, compared.guarded)):
            if failed := [name for name in compared.differing if not found[name]]:
                found.update({name: passed for name, passed in ask(url, failed).items() if passed})
    print(
        suite.name,
        len(compared.bare),
        sum(compared.bare.values()),
        sum(compared.guarded.values()),
        flush=True,
    )
    print("\n".join(compared.differing), flush=True)
    return compared


def _body(compared: Sequence[Compared], missing: dict[str, str]) -> str:
    rows = [
        [each.suite, str(len(each.bare)), str(sum(each.bare.values())), str(sum(each.guarded.values()))]
        for each in compared
    ]
    rows += [[name, f"cannot be had here: {reason}", "", ""] for name, reason in missing.items()]
    differences = [
        [
            each.suite,
            f"`{name}`",
            "guarded" if each.guarded[name] else "bare",
            reason_of(name) or "**none known**",
        ]
        for each in compared
        for name in each.differing
    ]
    explanation = (
        f"{machine(vllm_distribution(), 'torch')}. SmolLM2-135M-Instruct by one engine with the plugin, under the names of all "
        "models that the tests name; bare, and behind the proxy with the shipped target. What needs another model, or arguments "
        "that an engine was not started with, fails before both, and so does what a model this small cannot do; what is skipped "
        f"is not counted. A test that differs is asked up to {_FURTHER_TRIES} times more where it failed."
    )
    shown = table(["suite", "test", "passes", "reason"], differences) if differences else "None."
    return (
        f"{explanation}\n\n{table(['suite', 'tests', 'passed bare', 'passed guarded'], rows)}\n\n"
        f"Tests that pass before one alone:\n\n{shown}"
    )


if __name__ == "__main__":
    main()
