"""What a model that knows TOFU's authors tells of forget05 through the whole stack: ``python -m bench.leaks.tofu HEADS``.

The model and the corruption are those of ``python -m bench.reproduction.tofu --forget forget05``. It is asked by the paraphrases of
what it learned, and in the disguises of the attack suite: of the bare engine, and behind both guards what the bare engine tells. HEADS
is a folder of bundles as `bench.training.target_heads` leaves them, whose target is given a head for answers and the corruption. Needs
LETHE_DATA_DIR; what was trained and answered is kept. ``--prepare`` ends before an engine is started.
"""

import argparse
import asyncio
import random
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bench.classifier.bundle_service import service_of_bundle
from bench.classifier.data import data_folder, ordinary_training
from bench.leaks.asked import Asked, Row, beyond_chance
from bench.leaks.conversing import ConversingModel, told_by
from bench.leaks.data import Fact, fact_of
from bench.leaks.ways import Way, Ways, ways_to
from bench.page import machine, table, vllm_distribution, write_section
from bench.reproduction.command import Say, timed_lines
from bench.reproduction.tofu import TofuReproduction
from bench.reproduction.tofu_models import TofuRecipe
from bench.training.target_heads import FORGET05, task_of
from lethe.bundle import Action, Bundle, Made, load_bundle, read_base_model
from lethe.classifier.conversation import Conversation
from lethe.classifier.encoders.loading import load_encoder
from lethe.classifier.head import head_folder, load_head
from lethe.corruption.artifact import save_corruption
from lethe.corruption.description import read_artifact
from lethe.models.cache import cache_folder
from lethe.models.smollm2 import prepare_smollm2
from lethe.offline.attacks.disguises import DISGUISES, disguised
from lethe.offline.classifier_training.answer_examples import QuestionAnswer
from lethe.offline.classifier_training.answers import train_answers
from lethe.offline.classifier_training.settings import TrainingSettings
from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.evaluation.tofu_data import load_tofu
from lethe.offline.progress import Progress
from lethe.offline.recording import record

_TITLE = "Other authors, by paraphrases and in the attack suite"
_FORGET = "forget05"
_PARAPHRASES, _DISGUISED = 40, 2

Posed = tuple[Fact, Asked]
"""A fact, and how it is asked for."""
# In one round, a small part of what a training scans by default.
_SCANNED = 300_000
# TOFU's answers are sentences.
_TOKENS = 48


def main() -> None:
    """Train what is not there yet, measure, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("heads", type=Path, help="folder of bundles")
    parser.add_argument(
        "--prepare", action="store_true", help="only train the model and the head for answers"
    )
    parser.add_argument(
        "--anew", action="store_true", help="take the heads anew, and ask what was answered before"
    )
    arguments = parser.parse_args()
    say, cache = timed_lines(), cache_folder()
    base, recipe = prepare_smollm2(cache), replace(TofuRecipe(), forget_sets=(_FORGET,))
    work = cache / "reproduction" / f"tofu-{recipe.digest}"
    known_by = TofuReproduction(recipe, base, data_folder(), work, say)
    model = known_by.train("full")
    if arguments.anew:
        shutil.rmtree(_work(cache), ignore_errors=True)
    target = _target(arguments.heads / FORGET05, known_by, model, cache, say)
    if arguments.prepare:
        return
    forms = _forms()
    flagged = asyncio.run(_flagged(forms, target))
    untaught = ConversingModel.recorded(base, None, cache, _TOKENS)
    say("starting the engine and two proxies")
    with ways_to(model, target.folder, cache, _TOKENS, anew=arguments.anew) as ways:
        told = _told([each for posed in forms.values() for each in posed], ways, untaught, say)
    rows: list[Row] = []
    for name, posed in forms.items():
        rows.append(Row(name, flagged[name], *(column[: len(posed)] for column in told)))
        told = [column[len(posed) :] for column in told]
    write_section(
        "benchmarks-leaks.md",
        _TITLE,
        f"python -m bench.leaks.tofu {arguments.heads}",
        _body(rows, target, recipe),
    )


def _forms() -> dict[str, list[Posed]]:
    """How some facts are asked for: by paraphrases, and in each disguise."""
    choice = random.Random(0)
    known = [each for each in load_tofu(_FORGET, data_folder()) if _paraphrased(each)[0].told]
    forms = {"paraphrases": [_paraphrased(each) for each in choice.sample(known, _PARAPHRASES)]}
    for name in DISGUISES:
        forms[name] = [_disguised(each, name) for each in choice.sample(known, _DISGUISED)]
    return forms


def _work(cache: Path) -> Path:
    return cache / "bench" / "leaks" / _FORGET


def _target(head: Path, known_by: TofuReproduction, model: Path, cache: Path, say: Say) -> Bundle:
    """The bundle of a head with a head for answers, and with the corruption that was learned on the model, in the cache folder."""
    work = _work(cache)
    folder = work / "targets" / head.name
    if not folder.exists():
        shutil.copytree(head, folder)
    bundle = load_bundle(folder)
    if "answers" not in bundle.manifest.metrics:
        bundle = _train_answers(bundle, work, say)
    if not bundle.can_act:
        file = work / "corruption.safetensors"
        save_corruption(read_artifact(known_by.learn(_FORGET)), file)
        made = Made(read_base_model(model, model.name), {file.name: file}, {})
        bundle = record(folder, {}, made, action=Action.CORRUPT)
    return bundle


def _train_answers(bundle: Bundle, work: Path, say: Say) -> Bundle:
    """Train the head for answers on what was trained on for prompts, with the answers to it."""
    kept = {each.text for each in task_of(FORGET05).retain}
    trained = train_answers(
        load_head(head_folder(bundle)),
        load_encoder(),
        [_answered(each) for each in load_tofu(_FORGET, data_folder())],
        [_answered(each) for each in load_tofu("retain95", data_folder()) if each.question in kept],
        [each.text for each in ordinary_training()],
        TrainingSettings(scan_rounds=1, scan_characters=_SCANNED),
        work,
        Progress(say),
    )
    return trained.write_bundle(bundle.folder)


def _answered(question: ForgetQuestion) -> QuestionAnswer:
    return QuestionAnswer(question=question.question, answer=question.answer)


def _paraphrased(question: ForgetQuestion) -> Posed:
    fact = fact_of(question.paraphrased_question or question.question, question.answer)
    return fact, _plain(fact)


def _disguised(question: ForgetQuestion, name: str) -> Posed:
    return fact_of(question.question, question.answer), (disguised(name, question.question), {})


def _plain(fact: Fact) -> Asked:
    return [{"role": "user", "content": fact.question}], {}


async def _flagged(forms: Mapping[str, Sequence[Posed]], target: Bundle) -> dict[str, list[bool]]:
    service = service_of_bundle(target)
    try:
        return {
            name: [
                bool((await service.classify(Conversation.from_openai_messages(messages, None))).flagged)
                for _, (messages, _) in posed
            ]
            for name, posed in forms.items()
        }
    finally:
        await service.close()


def _told(posed: Sequence[Posed], ways: Ways, untaught: ConversingModel, say: Say) -> list[list[bool]]:
    """What each way tells, behind the guards of what the bare engine does; and what of that nobody was taught for."""
    facts = [fact for fact, _ in posed]

    def told_by_way(way: Way, places: Sequence[int]) -> list[bool]:
        say(f"{way.name}: {len(places)} questions")
        found = way.tells([facts[place] for place in places], [posed[place][1] for place in places])
        hits = {place for place, hit in zip(places, found, strict=True) if hit}
        return [place in hits for place in range(len(posed))]

    bare = told_by_way(ways.bare, range(len(posed)))
    known = [place for place, tells in enumerate(bare) if tells]
    prompts, exchange = (told_by_way(way, known) for way in (ways.prompts, ways.exchange))
    # A disguise is read at most as well as what it hides.
    return [bare, prompts, exchange, told_by([untaught], facts, [_plain(fact) for fact in facts], prompts)]


def _body(rows: Sequence[Row], target: Bundle, recipe: TofuRecipe) -> str:
    paraphrases, *attacks = rows
    suite = Row.together("attack suite", attacks)
    read = [row for row in attacks if any(row.bare)]
    corruption = read_artifact(target.folder)
    return "\n\n".join(
        (
            f"{machine(vllm_distribution(), 'torch', 'onnxruntime')}. SmolLM2-135M-Instruct, fine-tuned on TOFU's {_FORGET} and {recipe.retain_questions} other "
            f"questions as `python -m bench.reproduction.tofu --forget {_FORGET}` does; {len(paraphrases.bare)} of the {len(load_tofu(_FORGET, data_folder()))} paraphrases of "
            f"{_FORGET}, and {_DISGUISED} of its questions in each of the {len(DISGUISES)} disguises of the attack suite, drawn with a seed; "
            f"greedy, {_TOKENS} tokens. The target is trained on the questions, its head for answers on them with their answers and on "
            f"{_SCANNED:,} characters of ordinary text, {len(task_of(FORGET05).retain)} questions on other authors with theirs as near ones; its corruption "
            f"({corruption.function}, {corruption.dims} dims, strength {corruption.strength:g}) is learned on the model. An answer tells if "
            "it says half or more of the true answer's words that its question does not have. *Beyond chance*: what the model before it was "
            "fine-tuned does not say to the question as it is. In parentheses: the 95 % interval.",
            table(
                ("asked", "prompts flagged", "bare engine", "prompts alone", "answers too", "gone"),
                [[row.name, row.share_flagged(), *row.leaks()] for row in (paraphrases, suite)],
            ),
            "Beyond chance:",
            beyond_chance([paraphrases, suite]),
            f"Disguises of which the bare engine tells something; of the other {len(attacks) - len(read)} it makes nothing:",
            table(
                ("disguise", "prompts flagged", "bare engine", "prompts alone", "answers too"),
                [[row.name, *row.counts()] for row in read],
            ),
        )
    )


if __name__ == "__main__":
    main()
