"""Reproduces TOFU's comparison on a small model: ``python -m bench.reproduction.tofu`` (``make reproduce-tofu``).

Trains a model that knows the fictitious authors and others that never met some of them, learns a corruption and a
classifier for each forget set, and sets ECO beside the retain model and two baselines that change the weights. Every
step is kept in the cache, so that an interrupted run goes on where it stopped.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bench.reproduction.alter import answered_questions, open_adapted, train_alter
from bench.reproduction.command import Say, argument_parser, timed_lines
from bench.reproduction.guard import has_classifier, has_corruption, learn_into, train_classifier_into
from bench.reproduction.report import write_page
from bench.reproduction.serving import served
from bench.reproduction.tofu_models import TofuRecipe, retain_part, train_tofu_model
from lethe.bundle import load_bundle
from lethe.corruption.description import read_artifact
from lethe.models.cache import cache_folder
from lethe.models.smollm2 import prepare_smollm2
from lethe.offline.corruption_learning.evaluator import CorruptionEvaluator
from lethe.offline.corruption_learning.settings import LearningSettings
from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.evaluation.plots import plot_results
from lethe.offline.evaluation.results import Result, write_results
from lethe.offline.evaluation.tofu import TofuQuestions, compare_with_retain, evaluate_tofu
from lethe.offline.evaluation.tofu_data import load_tofu
from lethe.offline.language_models.guarded import GuardedModel, guard_with_bundle, oracle, selected_by
from lethe.offline.language_models.interface import LanguageModel
from lethe.offline.language_models.local import LocalModel
from lethe.offline.language_models.opening import open_engine, open_proxy
from lethe.offline.language_models.recorded import RecordedModel
from lethe.offline.language_models.routed import RoutedModel

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
        return RecordedModel(
            LocalModel.from_pretrained(str(folder), name=name, bits=bits),
            self.work / "answers" / f"{folder.name}{_rounded(bits)}.jsonl",
        )

    def adapted(self, forget: str, original: LanguageModel, bits: int | None = None) -> LanguageModel:
        """Train ALTER's adapter on a forget set, and open the full model with it; what it answers is recorded.

        The model without it gives the answers to ordinary questions that the adapter is to keep.
        """
        recipe, full = self.recipe, self.train("full")
        settings, name = recipe.alter[forget], f"alter-{forget}-{recipe.ordinary_questions}"
        questions = {forget: load_tofu(forget, self.data)}
        ordinary = answered_questions(original, recipe.ordinary_questions, recipe.answer_tokens)
        retained = [*retain_part(recipe, self.data), *ordinary]
        bank = train_alter(full, questions, retained, settings, self.work / "adapters" / name, self.say)
        answers = self.work / "answers" / f"{name}-{settings.digest}{_rounded(bits)}.jsonl"
        return RecordedModel(open_adapted(full, bank.compose(), name, bits), answers)

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
        bundle = self.learn(forget)
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
        self, forget: str, *, classifier: bool = True, cache: Path | None = None
    ) -> Iterator[list[Result]]:
        """Set all models side by side on one forget set; gives what is measured so far after each, and writes it.

        Without a classifier, ECO is guarded by the oracle's labels alone. With a cache folder for the proxy, ECO is
        also measured as it is served.
        """
        questions = TofuQuestions.load(forget, self.data, self.recipe.utility_questions)
        retain = evaluate_tofu(self.model(f"retain-{forget}"), questions, self.recipe.answer_tokens)
        results = [compare_with_retain(replace(retain, model="retain"), retain)]
        for name, model in self._compared(forget, classifier, cache):
            self.say(f"{forget}: measuring {name}")
            result = evaluate_tofu(model, questions, self.recipe.answer_tokens)
            results.append(compare_with_retain(replace(result, model=name), retain))
            write_results(results, self.work / "results" / forget)
            plot_results(results, self.work / "results" / forget / "results.png")
            yield list(results)

    def bundle(self, forget: str) -> Path:
        """Where the bundle of a forget set stands."""
        return self.work / "targets" / f"tofu-{forget}"

    def _compared(
        self, forget: str, classifier: bool, cache: Path | None
    ) -> Iterator[tuple[str, LanguageModel]]:
        full, corruption = self.model("full"), read_artifact(self.learn(forget))
        yield "original", full
        forgotten = oracle(question.question for question in load_tofu(forget, self.data))
        yield "ECO, oracle labels", GuardedModel(full, corruption, forgotten, "oracle")
        if classifier:
            yield "ECO", guard_with_bundle(full, self.classify(forget))
        if classifier and cache:
            with self._served(forget, cache) as (bare, guarded):
                yield "original, served", bare
                yield "ECO, served", guarded
        yield from ((label, self.model(f"{label}-{forget}")) for label in self.recipe.baselines)
        adapted = self.adapted(forget, full)
        yield "ALTER, on every question", adapted
        if classifier:
            selects = selected_by(load_bundle(self.classify(forget)))
            yield "ALTER", RoutedModel(full, adapted, selects, f"alter-{forget}, routed")

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


def _rounded(bits: int | None) -> str:
    return f"-{bits}-bits" if bits else ""


def _spread(items: Sequence[ForgetQuestion] | Sequence[str], count: int) -> Sequence:
    """At most so many items, evenly from the whole sequence."""
    step = max(1, len(items) // count)
    return items[::step][:count]


def main() -> None:
    """Run all steps and write the page."""
    parser = argument_parser(__doc__ or "", Path("docs/reproduction-tofu.md"))
    parser.add_argument("--full", action="store_true", help="learn all of TOFU: for a machine with a GPU")
    parser.add_argument(
        "--forget", action="append", choices=["forget01", "forget05", "forget10"], help="sets to forget"
    )
    parser.add_argument("--retain", type=int, help="how many retain questions are learned")
    parser.add_argument(
        "--base", type=Path, help="folder of the base model; SmolLM2-135M-Instruct by default"
    )
    arguments = parser.parse_args()
    cache = cache_folder()
    recipe = TofuRecipe.whole() if arguments.full else TofuRecipe()
    if arguments.forget:
        recipe = replace(recipe, forget_sets=tuple(sorted(arguments.forget)))
    if arguments.retain:
        recipe = replace(recipe, retain_questions=arguments.retain)
    work = cache / "reproduction" / f"tofu-{recipe.digest}"
    run = TofuReproduction(
        recipe,
        arguments.base or prepare_smollm2(cache),
        Path(arguments.data) if arguments.data else None,
        work,
        timed_lines(),
    )
    results: dict[str, list[Result]] = {}
    for forget in recipe.forget_sets:
        for measured in run.measure(forget, cache=cache):
            results[forget] = measured
            write_page(arguments.page, recipe, {name: run.bundle(name) for name in results}, results)


if __name__ == "__main__":
    main()
