"""What a model that knows the target tells through the whole stack, and what of it each net keeps back: ``make bench-leaks``.

A small model is taught the target's facts and asked for them in several ways: of the bare engine, behind a guard that
judges prompts alone, and behind one that judges answers too. Needs LETHE_DATA_DIR; ``--full`` teaches and asks all facts.
All answers are kept in the cache folder, to be read, and a run that was interrupted goes on after them: ``--anew`` asks for all
again, as is needed where the proxy or the classifier has changed. ``--prepare`` ends before an engine is started.
"""

import argparse
import asyncio
import random
from collections.abc import Sequence
from math import comb

from bench.leaks.asked import TOKENS, Asked, Row, beyond_chance, beyond_chance_of, in_all_forms
from bench.leaks.bundle import learned_on
from bench.leaks.conversing import told_by, untaught
from bench.leaks.data import Fact, Message, by_initials, facts, ordinary_facts, plainly
from bench.leaks.model import EPOCHS, LAYERS, taught_model
from bench.leaks.ways import Ways, ways_to
from bench.page import machine, table, vllm_distribution, write_section
from bench.repository import HARRY_POTTER
from bench.reproduction.command import Say, timed_lines
from lethe.bundle import load_bundle
from lethe.classifier.conversation import Conversation
from lethe.classifier.head import head_folder
from lethe.classifier.service import ClassifierService
from lethe.classifier.settings import ClassifierSettings
from lethe.corruption.artifact import load_corruption
from lethe.models.cache import cache_folder
from lethe.offline.metrics.intervals import counted

_SAMPLES, _SAMPLED = 32, 20
_AT = (1, 4, 16)


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
    say("starting the engine and two proxies")
    with ways_to(model, bundle, cache, anew=arguments.anew) as ways:
        for title, measure in sections.items():
            body = measure(known, ways, say)
            command = f"make bench-leaks{' ARGS=--shipped' if arguments.shipped else ''}"
            write_section("benchmarks-leaks.md", title_of.format(title), command, f"{taught}\n\n{body}")


def _by_form(known: Sequence[Fact], ways: Ways, say: Say) -> str:
    rows: list[Row] = []
    models = untaught(known, cache_folder(), say)
    for name, asked in in_all_forms(known).items():
        say(name)
        bare, prompts, exchange = (way.tells(known, asked) for way in ways.each)
        flagged = asyncio.run(_flagged([messages for messages, _ in asked]))
        rows.append(Row(name, flagged, bare, prompts, exchange, told_by(models, known, asked, prompts)))
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
            f"{beyond_chance_of(len(models))}:",
            beyond_chance(rows[-1:]),
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


def _user(text: str) -> Message:
    return {"role": "user", "content": text}


if __name__ == "__main__":
    main()
