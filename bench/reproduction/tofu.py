"""Reproduces TOFU's comparison on a small model: ``python -m bench.reproduction.tofu`` (``make reproduce-tofu``).

Trains a model that knows the fictitious authors and others that never met some of them, learns a corruption and a
classifier for each forget set, and sets ECO beside the retain model and two baselines that change the weights. Every
step is kept in the cache, so that an interrupted run goes on where it stopped.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from bench.reproduction.alter import AlterRecipe, answered_questions, train_alter, worded_by
from bench.reproduction.alter_tuning import (
    REFERENCES,
    choose_and_keep,
    kept_choice,
    measure_candidate,
    measure_references,
)
from bench.reproduction.command import (
    Say,
    argument_parser,
    positive_count,
    timed_lines,
    typed_arguments,
)
from bench.reproduction.guard import has_classifier, has_corruption, learn_into, train_classifier_into
from bench.reproduction.measured import dtype_in_name, write_measured
from bench.reproduction.report import write_page
from bench.reproduction.serving import served
from bench.reproduction.tofu_models import PARTS, Part, TofuRecipe, retain_part, train_tofu_model
from lethe.bundle import load_bundle
from lethe.corruption.description import read_artifact
from lethe.models.cache import cache_folder
from lethe.models.smollm2 import prepare_smollm2
from lethe.offline.adapter_training.bank import AdapterBank
from lethe.offline.adapter_training.settings import Dtype
from lethe.offline.corruption_learning.evaluator import CorruptionEvaluator
from lethe.offline.corruption_learning.settings import LearningSettings
from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.evaluation.results import Result
from lethe.offline.evaluation.tofu import TofuQuestions, compare_with_retain, evaluate_tofu
from lethe.offline.evaluation.tofu_data import load_tofu
from lethe.offline.language_models.guarded import (
    GuardedModel,
    Selects,
    guard_with_bundle,
    oracle,
    selected_by,
)
from lethe.offline.language_models.interface import LanguageModel
from lethe.offline.language_models.local import LocalModel
from lethe.offline.language_models.opening import open_engine, open_proxy
from lethe.offline.language_models.recorded import RecordedModel, recorded_selects
from lethe.offline.language_models.routed import RoutedModel
from lethe.offline.training.adapted_model import open_adapted
from lethe.offline.training.fine_tuning import computes_in_bfloat16

# What the forget quality is made from, and nothing else: the corruption that is nearest to the retain model's answer
# probability leaves the truth ratio too low, and its ROUGE-L is out of any corruption's reach, since a corrupted model
# babbles where the retain model errs in whole sentences.
_METRICS = ("truthfulness",)
_SEARCHED = LearningSettings(
    functions=("rand_noise_first_n", "flip_sign_top_k", "zero_out_top_k"),
    dims=(1, 64),
    strengths=(2.0, 8.0, 32.0, 128.0),
    restarts=2,
    steps=3,
    # As the paper does it. The user's words alone leave the model too sure of the answers that it can go on with once
    # they have begun.
    positions=("all_but_last",),
)


_PAGE, _FULL_PAGE = Path("docs/reproduction-tofu.md"), Path("docs/reproduction-tofu-full.md")


class TofuReproduction:
    """The steps, each of which finds what the earlier ones left.

    Parameters
    ----------
    base
        Folder of the base model.
    data
        Benchmark data; None takes them from the hub.
    work
        Where models, bundles and answers are kept.
    say
        Told what happens.
    """

    def __init__(
        self, recipe: TofuRecipe, base: Path, data: Path | None, work: Path, say: Say = print
    ) -> None:
        self.recipe = recipe
        self.base = base
        self.data = data
        self.work = work
        self.say = say

    @property
    def dtype(self) -> Dtype:
        """What models are run in here."""
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        return "bfloat16" if computes_in_bfloat16(device) else "float32"

    def train(self, name: str) -> Path:
        """Train one of the models, with a line an epoch."""
        return train_tofu_model(
            name,
            self.recipe,
            self.base,
            self.data,
            self.work / "models",
            lambda epoch, loss: self.say(f"{name}: epoch {epoch}, loss {loss:.4f}"),
        )

    def model(self, name: str, bits: int | None = None) -> LanguageModel:
        """Open one of the models, with weights rounded to so many bits; what it answers is recorded."""
        folder = self.train(name)
        return recorded(
            LocalModel.from_pretrained(str(folder), name=name, dtype=self.dtype, bits=bits),
            self.work / "answers" / f"{folder.name}{dtype_in_name(self.dtype)}{_rounded(bits)}.jsonl",
        )

    def adapted(self, forget: str, bits: int | None = None) -> LanguageModel:
        """Train ALTER's adapter on a forget set, and open the full model with it; what it answers is recorded."""
        alter, scale = self.alter(forget)
        bank = self.train_adapter(forget, alter)
        name = f"alter-{forget}-{self.recipe.ordinary_questions}"
        run_in = f"{dtype_in_name(self.dtype)}{_rounded(bits)}"
        answers = self.work / "answers" / f"{name}-{alter.digest}-{scale:g}{run_in}.jsonl"
        opened = open_adapted(self.train("full"), bank.compose({forget: scale}), name, bits, dtype=self.dtype)
        return recorded(opened, answers)

    def alter(self, forget: str) -> tuple[AlterRecipe, float]:
        """How the adapter of a forget set is trained, and its scale: as was chosen, or else as the recipe says."""
        choice = kept_choice(self.work, forget)
        if choice is None:
            return self.recipe.alter[forget], 1.0
        return self.recipe.alter_candidates[forget][choice.name], choice.scale

    def train_adapter(self, forget: str, alter: AlterRecipe) -> AdapterBank:
        """Train ALTER's adapter on a forget set.

        The model without it gives the answers to ordinary questions that the adapter is to keep, and its own wordings of
        what is to be forgotten.
        """
        recipe, original, asked = self.recipe, self.model("full"), load_tofu(forget, self.data)
        ordinary = answered_questions(original, recipe.ordinary_questions, recipe.answer_tokens)
        worded = worded_by(original, asked, alter.wordings, recipe.answer_tokens)
        folder = self.work / "adapters" / f"alter-{forget}-{recipe.ordinary_questions}-{alter.wordings}"
        retained = [*retain_part(recipe, self.data), *ordinary]
        taught = alter.settings.forgetting == "corruption"
        return train_alter(
            self.train("full"),
            {forget: [*asked, *worded]},
            retained,
            alter.settings.model_copy(update={"dtype": self.dtype}),
            folder,
            self.say,
            read_artifact(self.learn(forget)) if taught else None,
            self.base,
        )

    def learn(self, forget: str) -> Path:
        """Learn the corruption of a forget set against the retain model, and give the bundle."""
        bundle = self.bundle(forget)
        if has_corruption(bundle):
            return bundle
        searched = _spread(load_tofu(forget, self.data), self.recipe.searched_questions)
        full, retain = (
            CorruptionEvaluator(self.model(name), searched, _METRICS, max_tokens=self.recipe.answer_tokens)
            for name in ("full", f"retain-{forget}")
        )
        settings = _SEARCHED.model_copy(update={"surrogate": retain.measure([None])[0].values})
        trace = self.work / f"{forget}-search.jsonl"
        return learn_into(bundle, settings, full, self.train("full"), trace, self.say)

    def classify(self, forget: str) -> Path:
        """Train the classifier of a forget set, and give the bundle."""
        bundle = self.bundle(forget)
        if has_classifier(bundle):
            return bundle
        forgotten = {question.question for question in load_tofu(forget, self.data)}
        kept = [
            question.question
            for question in load_tofu("retain95", self.data)
            if question.question not in forgotten
        ]
        others = [
            question.question
            for name in ("real_authors", "world_facts")
            for question in load_tofu(name, self.data)
        ]
        return train_classifier_into(
            bundle, sorted(forgotten), _spread(kept, 1000), others, self.work, self.say
        )

    def measure(
        self,
        forget: str,
        *,
        classifier: bool = True,
        cache: Path | None = None,
        parts: Sequence[Part] = PARTS,
    ) -> Iterator[list[Result]]:
        """Set all models side by side on one forget set; gives what is measured so far after each, and writes it.

        Without a classifier, ECO is guarded by the oracle's labels alone. With a cache folder for the proxy, ECO is
        also measured as it is served.

        Parameters
        ----------
        parts
            Of the comparison; each is kept in a folder of its own, so that several processes may share them.
        """
        questions = TofuQuestions.load(forget, self.data, self.recipe.utility_questions)
        retain = evaluate_tofu(self.model(f"retain-{forget}"), questions, self.recipe.answer_tokens)
        retained = compare_with_retain(replace(retain, model="retain"), retain)
        measured = [retained]
        for part in parts:
            compared: list[Result] = []
            for name, model in self._compared(forget, classifier, cache, part):
                self.say(f"{forget}: measuring {name}")
                result = evaluate_tofu(model, questions, self.recipe.answer_tokens)
                compared.append(compare_with_retain(replace(result, model=name), retain))
                folder = self.work / "results" / f"{forget}-{part}"
                write_measured([retained, *compared], folder, self.dtype)
                yield [*measured, *compared]
            measured += compared

    def bundle(self, forget: str) -> Path:
        """Where the bundle of a forget set stands."""
        return self.work / "targets" / f"tofu-{forget}"

    def _compared(
        self, forget: str, classifier: bool, cache: Path | None, part: Part
    ) -> Iterator[tuple[str, LanguageModel]]:
        full = self.model("full")
        match part:
            case "corruption":
                yield "original", full
                corruption = read_artifact(self.learn(forget))
                forgotten = oracle(question.question for question in load_tofu(forget, self.data))
                yield "ECO, oracle labels", GuardedModel(full, corruption, forgotten, "oracle")
                if classifier:
                    yield "ECO", GuardedModel(full, corruption, self.selects(forget), "ECO")
            case "served":
                if classifier and cache:
                    with self._served(forget, cache) as (bare, guarded):
                        yield "original, served", bare
                        yield "ECO, served", guarded
            case "baselines":
                yield from ((label, self.model(f"{label}-{forget}")) for label in self.recipe.baselines)
            case "adapter":
                adapted = self.adapted(forget)
                yield "ALTER, on every question", adapted
                if classifier:
                    yield (
                        "ALTER",
                        RoutedModel(full, adapted, self.selects(forget), f"alter-{forget}, routed"),
                    )

    def selects(self, forget: str) -> Selects:
        """The forget set's classifier as a rule; what it said of a prompt is recorded."""
        return recorded_selects(
            lambda: selected_by(load_bundle(self.classify(forget))),
            self.work / "verdicts" / f"{forget}.jsonl",
        )

    @contextmanager
    def _served(self, forget: str, cache: Path) -> Iterator[tuple[LanguageModel, LanguageModel]]:
        """The full model on the engine behind the proxy, bare and guarded.

        Given answers are scored on the engine, corrupted where the bundle's classifier flags the question.
        """
        bundle, answers = self.classify(forget), self.work / "answers"
        self.say(f"{forget}: starting the proxy and its engine")
        with served(self.train("full"), bundle, cache) as running:
            engine = RecordedModel(
                open_engine(running.engine_url, api_key=running.engine_key), answers / "full-served.jsonl"
            )
            proxy = open_proxy(running.url, scorer=guard_with_bundle(engine, bundle))
            version = load_bundle(bundle).version
            yield engine, RecordedModel(proxy, answers / f"served-{forget}-{version}.jsonl")


def recorded(model: LocalModel, path: Path) -> RecordedModel:
    """Record what a model answers, in chunks that fill its passes."""
    return RecordedModel(model, path, chunk=model.batch_tokens // 32)


def _rounded(bits: int | None) -> str:
    return f"-{bits}-bits" if bits else ""


def _spread(items: Sequence[ForgetQuestion] | Sequence[str], count: int) -> Sequence:
    """At most so many items, evenly from the whole sequence."""
    step = max(1, len(items) // count)
    return items[::step][:count]


def main() -> None:
    """Run all steps and write the page."""
    parser = argument_parser(__doc__ or "", None)
    parser.add_argument("--full", action="store_true", help="learn all of TOFU: for a machine with a GPU")
    parser.add_argument(
        "--forget",
        action="append",
        choices=["forget01", "forget05", "forget10"],
        help="sets to forget; with --full, of those that the models are trained for, the ones to go on with",
    )
    parser.add_argument("--retain", type=positive_count, help="how many retain questions are learned")
    parser.add_argument("--epochs", type=positive_count, help="in how many the models learn")
    parser.add_argument(
        "--base", type=Path, help="folder of the base model; SmolLM2-135M-Instruct by default"
    )
    parser.add_argument(
        "--only",
        action="append",
        metavar="STEP",
        help="one step and no page: train:MODEL, classify, learn, adapt, tune:CANDIDATE, choose; several processes may share them",
    )
    parser.add_argument(
        "--tune",
        action="store_true",
        help="compare adapters on the sets that have candidates, and choose, first",
    )
    parser.add_argument(
        "--part",
        action="append",
        choices=PARTS,
        help="measure only this of the comparison, and write no page unless --recorded",
    )
    parser.add_argument(
        "--oracle", action="store_true", help="flag by the benchmark's labels alone, without a classifier"
    )
    parser.add_argument(
        "--recorded", action="store_true", help="write the page of what was measured, and measure nothing"
    )
    arguments = parser.parse_args()
    cache = cache_folder()
    recipe = TofuRecipe.whole() if arguments.full else TofuRecipe()
    if arguments.forget and not arguments.full:
        recipe = replace(recipe, forget_sets=tuple(sorted(arguments.forget)))
    if arguments.retain:
        recipe = replace(recipe, retain_questions=arguments.retain)
    if arguments.epochs:
        recipe = recipe.learned_in(arguments.epochs)
    work = cache / "reproduction" / f"tofu-{recipe.digest}"
    run = TofuReproduction(
        recipe,
        arguments.base or prepare_smollm2(cache),
        Path(arguments.data) if arguments.data else None,
        work,
        timed_lines(),
    )
    typed = typed_arguments()
    page = arguments.page or (_FULL_PAGE if arguments.full else _PAGE)
    sets = sorted(arguments.forget or recipe.forget_sets)
    steps = list(arguments.only or ())
    for forget in sets:
        tuned = recipe.alter_candidates.get(forget, {}) if arguments.tune else {}
        choosing = [f"tune:{name}" for name in (REFERENCES, *tuned)] + ["choose"] if tuned else []
        for step in [*steps, *choosing]:
            _take(run, forget, step)
    if steps:
        return
    parts: Sequence[Part] = [each for each in PARTS if each in (arguments.part or PARTS)]
    for forget in () if arguments.recorded else sets:
        for _ in run.measure(forget, classifier=not arguments.oracle, cache=cache, parts=parts):
            if not arguments.part:
                write_page(page, run, sets, typed)
    if arguments.recorded or not arguments.part:
        write_page(page, run, sets, typed)


def _take(run: TofuReproduction, forget: str, step: str) -> None:
    """Take one step of a forget set."""
    name, _, of = step.partition(":")
    match name:
        case "train":
            run.train(of)
        case "classify":
            run.classify(forget)
        case "learn":
            run.learn(forget)
        case "adapt":
            run.train_adapter(forget, run.alter(forget)[0])
        case "tune" if of == REFERENCES:
            measure_references(run, forget)
        case "tune":
            measure_candidate(run, forget, of)
        case "choose":
            run.say(f"{forget}: {choose_and_keep(run, forget)}")
        case _:
            raise SystemExit(f"there is no step {step}")


if __name__ == "__main__":
    main()
