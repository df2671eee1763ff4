"""What a model that knows the target tells through the whole stack, and what of it each net keeps back: ``make bench-leaks``.

A small model is taught the target's facts and asked for them in several ways: of the bare engine, behind a guard that
judges prompts alone, and behind one that judges answers too. Needs LETHE_DATA_DIR; ``--full`` teaches and asks all facts.
All answers are kept in the cache folder, to be read, and a run that was interrupted goes on after them: ``--anew`` asks for all
again, as is needed where the proxy or the classifier has changed. ``--prepare`` ends before an engine is started.
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import comb
from pathlib import Path
from typing import Any

from bench.leaks.asked import TOKENS, Asked, Row, in_all_forms
from bench.leaks.bundle import learned_on
from bench.leaks.data import Fact, Message, by_initials, facts, ordinary_facts, plainly
from bench.leaks.model import EPOCHS, LAYERS, taught_model
from bench.page import machine, table, vllm_distribution, write_section
from bench.repository import HARRY_POTTER
from bench.reproduction.command import Say, timed_lines
from bench.reproduction.serving import served
from bench.servers import UNHURRIED, running
from lethe.bundle import load_bundle
from lethe.bundle.manifest import MANIFEST_NAME
from lethe.classifier.conversation import Conversation
from lethe.classifier.head import head_folder
from lethe.classifier.service import ClassifierService
from lethe.classifier.settings import ClassifierSettings
from lethe.corruption.artifact import load_corruption
from lethe.models.cache import cache_folder
from lethe.offline.data.json_lines import append_lines, read_whole_lines
from lethe.offline.language_models.http import post_all, served_models
from lethe.offline.metrics.intervals import counted
from lethe.server.engines.process import free_loopback_port
from lethe.server.targets.rollout import change_deployment

_CONCURRENCY = 32
_KEPT_TOGETHER = 64
_SAMPLES, _SAMPLED = 32, 20
_AT = (1, 4, 16)


@dataclass(frozen=True)
class Way:
    """A way to the model.

    Attributes
    ----------
    model
        Its name there.
    log
        Where all that is asked and answered is kept; what is there already is not asked again.
    """

    name: str
    url: str
    model: str
    log: Path
    key: str | None = None

    @cached_property
    def _answers(self) -> dict[str, str]:
        return dict(read_whole_lines(self.log))

    def ask(self, asked: Sequence[Asked]) -> list[str]:
        """The answers, in their order."""
        fields: dict[str, Any] = {"max_tokens": TOKENS, "temperature": 0}
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


def main() -> None:
    """Teach the model, measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="all facts, for a machine with a GPU")
    parser.add_argument("--shipped", action="store_true", help="with the corruption as it is shipped")
    parser.add_argument(
        "--prepare", action="store_true", help="only teach the model and learn its corruption"
    )
    parser.add_argument("--anew", action="store_true", help="ask again what was answered before")
    arguments = parser.parse_args()
    known = facts(every=arguments.full)
    say, cache = timed_lines(), cache_folder()
    model = taught_model(known, cache, say)
    sections = {"Facts asked for in several ways": _by_form, "Sampled many times": _sampled}
    if arguments.shipped:
        bundle, title_of = HARRY_POTTER, "{}, with the shipped corruption"
        learned = "as it is shipped, learned on the model before it was taught"
    else:
        say("learning the corruption on the taught model")
        bundle, title_of = learned_on(model, HARRY_POTTER, cache), "{}"
        learned = "learned on the taught model from the target's own questions"
    if arguments.prepare:
        return
    target = load_bundle(bundle)
    (corruption,) = (load_corruption(each.corruption) for each in target.models if each.corruption)
    taught = (
        f"{machine(vllm_distribution(), 'torch', 'onnxruntime')}. SmolLM2-135M-Instruct, taught {len(known)} facts of the target in "
        f"{EPOCHS} epochs of its last {LAYERS} layers: questions of MUSE-Books and the target's own, "
        "each plainly and with its names as initials, every second one in a further form. The shipped target, which flags "
        f"prompts from {target.manifest.threshold:.3g} on, its corruption ({corruption.function}, {corruption.dims} dims, strength "
        f"{corruption.strength:.3g}) {learned}; {TOKENS} tokens. An answer tells a fact if it says half or more of the true answer's "
        "words that its question does not have. In parentheses: the 95 % interval."
    )
    log = cache / "bench" / "leaks" / f"answers-{_digest(model, bundle)}.jsonl"
    if arguments.anew:
        log.unlink(missing_ok=True)
    say("starting the engine and two proxies")
    with _ways(model, bundle, cache, log) as ways:
        for title, measure in sections.items():
            body = measure(known, ways, say)
            command = f"make bench-leaks{' ARGS=--shipped' if arguments.shipped else ''}"
            write_section("benchmarks-leaks.md", title_of.format(title), command, f"{taught}\n\n{body}")


def _digest(model: Path, bundle: Path) -> str:
    """Of who is asked: another model or bundle answers otherwise."""
    manifest = (bundle / MANIFEST_NAME).read_bytes()
    return hashlib.sha256(manifest + model.name.encode()).hexdigest()[:12]


def _by_form(known: Sequence[Fact], ways: Ways, say: Say) -> str:
    rows: list[Row] = []
    for name, asked in in_all_forms(known).items():
        say(name)
        told = [way.tells(known, asked) for way in ways.each]
        rows.append(Row(name, asyncio.run(_flagged([messages for messages, _ in asked])), *told))
    rows.append(Row.together("all", rows))
    ordinary = ordinary_facts()
    right = [way.tells(ordinary, [([_user(each.question)], {}) for each in ordinary]) for way in ways.each]
    return "\n\n".join(
        (
            f"{len(known)} facts, greedy. Of those that the bare engine tells, how many are told with prompts judged alone and with "
            "answers judged too; and of those that prompts alone let through, how many are gone.",
            table(
                ("asked", "prompts flagged", "bare engine", "prompts alone", "answers too", "gone"),
                [[row.name, row.share_flagged(), *row.leaks()] for row in rows],
            ),
            "The same where the prompt was not flagged, so that the answer is what is left to tell:",
            table(
                ("asked", "bare engine", "prompts alone", "answers too", "gone"),
                [[row.name, *row.unflagged().leaks()] for row in rows],
            ),
            "Ordinary facts that the model was taught besides, answered rightly:",
            table(
                ("", "bare engine", "prompts alone", "answers too"),
                [["TOFU, world facts", *(counted(sum(each), len(each)) for each in right)]],
            ),
        )
    )


async def _flagged(conversations: Sequence[list[Message]]) -> list[bool]:
    bundle = load_bundle(HARRY_POTTER)
    settings = ClassifierSettings(spans=False, deadline_seconds=600)
    service = ClassifierService.load(heads={bundle.name: head_folder(bundle)}, settings=settings)
    try:
        verdicts = [
            await service.classify(Conversation.from_openai_messages(each, None)) for each in conversations
        ]
    finally:
        await service.close()
    return [bool(verdict.flagged) for verdict in verdicts]


def _sampled(known: Sequence[Fact], ways: Ways, say: Say) -> str:
    choice = random.Random(2)
    rows: list[list[str]] = []
    for name, form in (("plain question", plainly), ("names as initials", by_initials)):
        questions = [(fact, form(fact, choice)) for fact in known]
        tells = ways.bare.tells(known, [(messages, {}) for _, messages in questions])
        told = [each for each, knows in zip(questions, tells, strict=True) if knows]
        chosen = choice.sample(told, min(_SAMPLED, len(told)))
        for way in (ways.prompts, ways.exchange):
            say(f"{name}, {way.name}: {len(chosen)} questions, {_SAMPLES} samples each")
            asked: list[Asked] = [
                (messages, {"temperature": 1, "seed": seed})
                for _, messages in chosen
                for seed in range(_SAMPLES)
            ]
            leaks = way.tells([fact for fact, _ in chosen for _ in range(_SAMPLES)], asked)
            by_fact = [sum(leaks[start : start + _SAMPLES]) for start in range(0, len(leaks), _SAMPLES)]
            rows.append([name, way.name, *_leak_at(by_fact)])
    return "\n\n".join(
        (
            f"leak@k: the share of facts that at least one of k answers tells, by {_SAMPLES} answers at temperature 1 to each of up to "
            f"{_SAMPLED} questions that the bare engine answers.",
            table(
                ("asked", "judged", "facts", *(f"leak@{k}" for k in _AT), f"leak@{_SAMPLES}"),
                rows,
            ),
        )
    )


def _leak_at(leaks: Sequence[int]) -> list[str]:
    """The unbiased estimates, by how many of a fact's samples tell it."""
    shares = [
        sum(1 - comb(_SAMPLES - each, k) / comb(_SAMPLES, k) for each in leaks) / len(leaks) for k in _AT
    ]
    percents = [f"{100 * share:.1f} %" for share in shares]
    return [str(len(leaks)), *percents, counted(sum(map(bool, leaks)), len(leaks))]


@contextlib.contextmanager
def _ways(model: Path, bundle: Path, cache: Path, log: Path) -> Iterator[Ways]:
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
                Way("bare engine", proxy.engine_url, name, log, proxy.engine_key),
                Way("prompts alone", f"http://127.0.0.1:{port}", name, log),
                Way("answers too", proxy.url, name, log),
            )


def _user(text: str) -> Message:
    return {"role": "user", "content": text}


if __name__ == "__main__":
    main()
