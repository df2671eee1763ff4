"""What a model that knows the target tells through the whole stack, and what of it each net keeps back: ``make bench-leaks``.

A small model is taught the target's facts and is asked for them in several ways: of the bare engine, behind a guard that
judges prompts alone, and behind one that judges answers too. Needs LETHE_DATA_DIR.
"""

import asyncio
import contextlib
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import comb
from pathlib import Path
from typing import Any

from bench.leaks_data import FORMS, Fact, Message, by_initials, facts, ordinary_facts, plainly
from bench.leaks_model import TEACHING, taught_model
from bench.page import machine, table, vllm_distribution, write_section
from bench.reproduction.command import Say, timed_lines
from bench.reproduction.serving import served
from bench.servers import running
from lethe.models.cache import cache_folder
from lethe.offline.language_models.http import post_all, served_models
from lethe.offline.metrics.intervals import counted
from lethe.server.engines.process import free_loopback_port
from lethe.server.targets.rollout import change_deployment

_BUNDLE = Path(__file__).resolve().parent.parent / "targets" / "harry-potter"
_TOKENS = 32
_CONCURRENCY = 32
_SAMPLES, _SAMPLED = 32, 40
_AT = (1, 4, 16, 32)
_BEGUN = "The answer is"


@dataclass(frozen=True)
class Way:
    """A way to the model.

    Attributes
    ----------
    model
        Its name there.
    """

    url: str
    model: str
    key: str | None = None

    def ask(self, asked: Sequence[tuple[list[Message], Mapping[str, Any]]]) -> list[str]:
        """The answers to conversations, each with further fields of its request."""
        url = f"{self.url}/v1/chat/completions"
        bodies = [
            (
                url,
                {
                    "model": self.model,
                    "messages": messages,
                    "max_tokens": _TOKENS,
                    "temperature": 0,
                    **fields,
                },
            )
            for messages, fields in asked
        ]
        choices = asyncio.run(post_all(bodies, self.key, _CONCURRENCY))
        return [choice["message"]["content"] or "" for choice in choices]


@dataclass(frozen=True)
class Ways:
    """The same engine, without a guard, behind one that judges prompts, and behind one that judges answers too."""

    bare: Way
    prompts: Way
    exchange: Way


def main() -> None:
    """Teach the model, measure, and write the page."""
    say = timed_lines()
    cache = cache_folder()
    model = taught_model(cache, say)
    say("starting the engine and two proxies")
    with _ways(model, cache) as ways:
        sections = measure(ways, say)
    taught = (
        f"{machine(vllm_distribution(), 'torch', 'onnxruntime')}. SmolLM2-135M-Instruct, taught {len(facts())} facts of the "
        f"target in {TEACHING.epochs} epochs by a merged adapter of rank {TEACHING.adapter_rank}: MUSE-Books' questions and "
        "the target's own, each plainly, with its names as initials, and in one further form. The shipped target; "
        f"{_TOKENS} tokens. An answer tells a fact if it says half or more of the true answer's words that the question does "
        "not have. In parentheses: the 95 % interval."
    )
    for title, body in sections.items():
        write_section("benchmarks-leaks.md", title, "make bench-leaks", f"{taught}\n\n{body}")


def measure(ways: Ways, say: Say) -> dict[str, str]:
    """All sections of the page by their titles."""
    return {
        "Facts asked for in several ways": _by_form(ways, say),
        "Sampled many times": _sampled(ways, say),
    }


def _by_form(ways: Ways, say: Say) -> str:
    known = facts()
    rows: list[list[str]] = []
    for name, asked in _asked(known).items():
        say(name)
        told = [
            [fact.is_told_by(answer) for fact, answer in zip(known, way.ask(asked), strict=True)]
            for way in (ways.bare, ways.prompts, ways.exchange)
        ]
        rows.append(_leak_row(name, *told))
    ordinary = ordinary_facts()
    questions: list[tuple[list[Message], Mapping[str, Any]]] = [
        ([_user(each.question)], {}) for each in ordinary
    ]
    right = [
        counted(
            sum(fact.is_told_by(answer) for fact, answer in zip(ordinary, way.ask(questions), strict=True)),
            len(ordinary),
        )
        for way in (ways.bare, ways.prompts, ways.exchange)
    ]
    return "\n\n".join(
        (
            f"{len(known)} facts, greedy. Of those that the bare engine tells, how many are told with prompts judged alone and "
            "with answers judged too, and which share of what prompts alone let through is gone.",
            table(("asked", "bare engine", "prompts alone", "answers too", "gone"), rows),
            "Ordinary facts of TOFU that the model was taught besides, answered rightly:",
            table(("", "bare engine", "prompts alone", "answers too"), [["world facts", *right]]),
        )
    )


def _asked(known: Sequence[Fact]) -> dict[str, list[tuple[list[Message], Mapping[str, Any]]]]:
    choice = random.Random(1)
    asked: dict[str, list[tuple[list[Message], Mapping[str, Any]]]] = {
        name: [(form(fact, choice), {}) for fact in known] for name, form in FORMS.items()
    }
    begun = {"continue_final_message": True, "add_generation_prompt": False}
    asked["names as initials, answer begun"] = [
        ([*by_initials(fact, choice), {"role": "assistant", "content": _BEGUN}], begun) for fact in known
    ]
    return asked


def _leak_row(
    name: str, bare: Sequence[bool], prompts: Sequence[bool], exchange: Sequence[bool]
) -> list[str]:
    by_prompts = [told and knows for told, knows in zip(prompts, bare, strict=True)]
    by_exchange = [told and knows for told, knows in zip(exchange, bare, strict=True)]
    gone = sum(before and not after for before, after in zip(by_prompts, by_exchange, strict=True))
    return [
        name,
        counted(sum(bare), len(bare)),
        counted(sum(by_prompts), sum(bare)),
        counted(sum(by_exchange), sum(bare)),
        counted(gone, sum(by_prompts)),
    ]


def _sampled(ways: Ways, say: Say) -> str:
    choice = random.Random(2)
    rows: list[list[str]] = []
    for name, form in (("plain question", plainly), ("names as initials", by_initials)):
        questions = [(form(fact, choice), fact) for fact in facts()]
        greedy = ways.bare.ask([(messages, {}) for messages, _ in questions])
        told = [each for each, answer in zip(questions, greedy, strict=True) if each[1].is_told_by(answer)]
        chosen = choice.sample(told, min(_SAMPLED, len(told)))
        for way_name, way in (("prompts alone", ways.prompts), ("answers too", ways.exchange)):
            say(f"{name}, {way_name}: {len(chosen)} questions, {_SAMPLES} samples each")
            asked: list[tuple[list[Message], Mapping[str, Any]]] = [
                (messages, {"temperature": 1, "seed": seed})
                for messages, _ in chosen
                for seed in range(_SAMPLES)
            ]
            answers = iter(way.ask(asked))
            leaks = [sum(fact.is_told_by(next(answers)) for _ in range(_SAMPLES)) for _, fact in chosen]
            rows.append([name, way_name, *_leak_at(leaks)])
    return "\n\n".join(
        (
            f"leak@k: the share of facts that at least one of k answers tells, of {_SAMPLES} answers at temperature 1 to each of "
            f"{_SAMPLED} questions that the bare engine answers; the interval is that of k = {_SAMPLES}.",
            table(("asked", "judged", *(f"leak@{k}" for k in _AT)), rows),
        )
    )


def _leak_at(leaks: Sequence[int]) -> list[str]:
    """The unbiased estimates, of how many of a fact's samples tell it."""
    shares = [
        sum(1 - comb(_SAMPLES - each, k) / comb(_SAMPLES, k) for each in leaks) / len(leaks) for k in _AT[:-1]
    ]
    return [*(f"{100 * share:.1f} %" for share in shares), counted(sum(map(bool, leaks)), len(leaks))]


@contextlib.contextmanager
def _ways(model: Path, cache: Path) -> Iterator[Ways]:
    with served(model, _BUNDLE, cache) as running_proxy, tempfile.TemporaryDirectory() as folder:
        targets = Path(folder)
        shutil.copytree(_BUNDLE, targets / _BUNDLE.name)
        change_deployment(targets, _BUNDLE.name, answers="off")
        port = free_loopback_port()
        command = [sys.executable, "-m", "lethe", "serve", "--port", str(port), "--targets", folder]
        command += ["--engine-url", running_proxy.engine_url]
        key = running_proxy.engine_key
        environment = {"LETHE_ENGINE__API_KEY": key or "", "LETHE_ENGINE__TOKENIZER": str(model)}
        with running(None, command, port, "/ready", environment):
            name = next(iter(asyncio.run(served_models(running_proxy.url, None))))
            yield Ways(
                Way(running_proxy.engine_url, name, key),
                Way(f"http://127.0.0.1:{port}", name),
                Way(running_proxy.url, name),
            )


def _user(text: str) -> Message:
    return {"role": "user", "content": text}


if __name__ == "__main__":
    main()
