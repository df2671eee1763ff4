"""Sets a target's actions side by side on TOFU: ``python -m bench.reproduction.actions`` (``make reproduce-actions``).

What each leaves to be got out, how its answers read, what it costs, and what of that holds once the weights are rounded to
few bits. Trains what `bench.reproduction.tofu` trains, on a smaller part by default. Every step is kept in the cache, so that
an interrupted run goes on where it stopped.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pydantic
from matplotlib import pyplot

from bench.reproduction.command import Say, argument_parser, timed_lines
from bench.reproduction.report import describe_machine
from bench.reproduction.tofu import TofuReproduction
from bench.reproduction.tofu_models import TofuRecipe, retain_part
from lethe.bundle import load_bundle
from lethe.bundle.files import replace_file
from lethe.corruption.artifact import Corruption
from lethe.corruption.description import read_artifact
from lethe.models.cache import cache_folder
from lethe.models.smollm2 import prepare_smollm2
from lethe.offline.data.files import read_objects
from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.evaluation.exposure import (
    ExposureQuestions,
    Sampling,
    evaluate_answers,
    evaluate_exposure,
)
from lethe.offline.evaluation.results import Result, markdown_table, write_results
from lethe.offline.evaluation.tofu import TofuQuestions, compare_with_retain, evaluate_tofu
from lethe.offline.evaluation.tofu_data import load_tofu
from lethe.offline.language_models.guarded import GuardedModel, Selects, oracle, selected_by
from lethe.offline.language_models.interface import LanguageModel
from lethe.offline.language_models.local import LocalModel
from lethe.offline.language_models.recorded import RecordedModel
from lethe.offline.language_models.refusing import RefusingModel
from lethe.offline.language_models.routed import RoutedModel
from lethe.offline.training.fine_tuning import FineTuningSettings
from lethe.server.settings.policy import PolicySettings

_TRANSLATIONS = Path(__file__).parents[1] / "redteam_data" / "forget01_translations.jsonl"
_PAGE = Path("docs/reproduction-actions.md")
_ROUNDED_TO = (8, 4)


@dataclass(frozen=True)
class Comparison:
    """What is compared, and on how much.

    Attributes
    ----------
    by_oracle
        Flag by the benchmark's labels, a question's paraphrase with it, in place of a classifier that is trained for it.
    sampled
        How many questions answers are drawn to.
    drawn
        How many to each.
    rounded_to
        Bits of the weights, beside the model as it is.
    """

    forget: str = "forget01"
    by_oracle: bool = False
    sampled: int = 40
    drawn: int = 8
    rounded_to: tuple[int, ...] = _ROUNDED_TO


def small_recipe(forget: str) -> TofuRecipe:
    """As much of TOFU as a small machine learns in minutes."""
    recipe = TofuRecipe()
    return replace(
        recipe,
        forget_sets=(forget,),
        retain_questions=24,
        searched_questions=12,
        ordinary_questions=24,
        fine_tuning=FineTuningSettings(epochs=8),
    )


class ActionComparison:
    """Measures the actions one after another.

    Parameters
    ----------
    run
        Gives the models, the corruption and the classifier.
    """

    def __init__(self, run: TofuReproduction, comparison: Comparison) -> None:
        self.run = run
        self.comparison = comparison

    def measure(self) -> Iterator[list[Result]]:
        """Give what is measured so far after each model."""
        retain = self._measured("retain", self.run.model(f"retain-{self.comparison.forget}"))
        results = [retain]
        for name, model in self._compared():
            results.append(self._measured(name, model))
            compared = [compare_with_retain(each, retain) if each.samples else each for each in results]
            write_results(compared, self.run.work / "results" / f"actions-{self.comparison.forget}")
            yield compared

    @property
    def questions(self) -> ExposureQuestions:
        """The forget set, what was learned beside it, and as many questions as it has that no model learned."""
        run, forget = self.run, _translated(load_tofu(self.comparison.forget, self.run.data))
        near = tuple(retain_part(run.recipe, run.data))
        learned = {each.question for each in near}
        unlearned = [each for each in load_tofu("retain", run.data) if each.question not in learned]
        return ExposureQuestions(
            forget, near[: len(forget)], unlearned[: len(forget)], self.comparison.sampled
        )

    def _compared(self) -> Iterator[tuple[str, LanguageModel]]:
        forget, original = self.comparison.forget, self.run.model("full")
        corruption, selects = read_artifact(self.run.learn(forget)), self._selects()
        yield "original", original
        yield from self._actions(original, self.run.adapted(forget, original), corruption, selects, "")
        yield "refuse", RefusingModel(original, selects, PolicySettings().refusal, "refuse")
        for bits in self.comparison.rounded_to:
            rounded = self.run.model("full", bits)
            adapted = self.run.adapted(forget, original, bits)
            yield f"original, {bits} bits", rounded
            yield from self._actions(rounded, adapted, corruption, selects, f", {bits} bits")

    def _actions(
        self,
        model: LanguageModel,
        adapted: LanguageModel,
        corruption: Corruption,
        selects: Selects,
        suffix: str,
    ) -> Iterator[tuple[str, LanguageModel]]:
        both = GuardedModel(adapted, corruption, lambda texts: [True] * len(texts), "adapter+corrupt")
        yield f"corrupt{suffix}", GuardedModel(model, corruption, selects, "corrupt")
        yield f"adapter{suffix}", RoutedModel(model, adapted, selects, "adapter")
        yield f"adapter+corrupt{suffix}", RoutedModel(model, both, selects, "adapter+corrupt")

    def _selects(self) -> Selects:
        if not self.comparison.by_oracle:
            return selected_by(load_bundle(self.run.classify(self.comparison.forget)))
        forgotten = load_tofu(self.comparison.forget, self.run.data)
        return oracle(text for each in forgotten for text in (each.question, each.paraphrased_question or ""))

    def _measured(self, name: str, model: LanguageModel) -> Result:
        self.run.say(f"measuring {name}")
        recipe, comparison = self.run.recipe, self.comparison
        original, base = self.run.model("full"), self._base()
        sampling = Sampling(comparison.drawn, max_tokens=recipe.answer_tokens)
        if isinstance(model, RefusingModel):
            spoken = evaluate_answers(model, self.questions, original, sampling, base)
            return replace(spoken, model=name)
        exposed = evaluate_exposure(model, self.questions, original, sampling, base)
        asked = TofuQuestions.load(comparison.forget, self.run.data, recipe.utility_questions)
        tofu = evaluate_tofu(model, asked, recipe.answer_tokens)
        scores = {"model utility": tofu.scores["model utility"], **exposed.scores}
        return replace(exposed, model=name, scores=scores, samples=tofu.samples)

    def _base(self) -> LanguageModel:
        answers = self.run.work / "answers" / "base.jsonl"
        return RecordedModel(LocalModel.from_pretrained(str(self.run.base), name="base"), answers)


def _translated(questions: Sequence[ForgetQuestion]) -> tuple[ForgetQuestion, ...]:
    """The questions with the translations that the bench has of them: of all in forget01."""
    table = {each.question: each.translations for each in read_objects(_TRANSLATIONS, TranslatedQuestion)}
    return tuple(each.model_copy(update={"translations": table.get(each.question, {})}) for each in questions)


class TranslatedQuestion(pydantic.BaseModel):
    """A line of the table of translations."""

    question: str
    translations: dict[str, str]


def write_actions_page(page: Path, comparison: ActionComparison, results: Sequence[Result]) -> None:
    """Write the page, with its picture beside it."""
    picture = page.parent / "figures" / f"actions-{comparison.comparison.forget}.png"
    whole = [each for each in results if "bits" not in each.model]
    rounded = [each for each in results if "bits" in each.model]
    _plot(whole, picture)
    recipe, questions, chosen = comparison.run.recipe, comparison.questions, comparison.comparison
    corruption = read_artifact(comparison.run.bundle(chosen.forget))
    alter = recipe.alter[chosen.forget]
    flagged = (
        "the benchmark's own labels, paraphrased questions with them"
        if chosen.by_oracle
        else "a classifier that was trained for it"
    )
    retained = "all" if recipe.retain_questions is None else f"{recipe.retain_questions}"
    examples = "\n".join(_example(questions.forget, whole, place) for place in range(2))
    text = f"""# A target's actions side by side, on TOFU's {chosen.forget}

Written by `make reproduce-actions`; nothing on this page is typed by hand.

{describe_machine()}

SmolLM2-135M-Instruct learned {len(questions.forget)} questions of {chosen.forget} and {retained} of the retain part in {recipe.fine_tuning.epochs} epochs;
`retain` learned the latter alone. A question is flagged by {flagged}. What is flagged is answered as the column says: `corrupt`
by `{corruption.function}` on {corruption.dims} dims of `{corruption.positions}`, strength {corruption.strength:.3g}, found on {recipe.searched_questions} of the questions; `adapter`
by ALTER's adapter of rank {alter.rank}, {alter.epochs} epochs at {alter.learning_rate:g}; `refuse` by one fixed sentence, of which no model scores anything.

Figures are means over the {len(questions.forget)} questions with 95 % bootstrap intervals, of greedy answers of {recipe.answer_tokens} tokens;
leak@k draws {chosen.drawn} answers at temperature 1 to each of {min(chosen.sampled, len(questions.forget))}; membership is told against {len(questions.holdout)} questions
that no model learned, 0.5 where nothing shows; over-forgetting is the share of what `original` answered of {len(questions.near)} retain questions and the
model does not; questions with translations are asked in German, Spanish, French, Russian and Chinese by turns; beside each stands one of
eight ordinary questions once; perplexity is under SmolLM2-135M-Instruct as it came. Utility is TOFU's, on {recipe.utility_questions or "all"} questions of each set.

{markdown_table(whole)}

![What leaks, against how answers read](figures/{picture.name})

{examples}
## Rounded weights

The same with the weights of all linear layers rounded to so many bits, in groups of 64, computed in bfloat16; the
corruption and the adapter are those above. An adapter's own weights stay as they are.

{markdown_table(rounded) if rounded else "Not measured yet."}

Relearning is no attack on `corrupt` and `refuse`, which leave the weights alone: whoever can train the model has all of it.
"""
    replace_file(page, text)


def _example(questions: Sequence[ForgetQuestion], results: Sequence[Result], place: int) -> str:
    rows = "\n".join(f"| {each.model} | {_in_cell(each.outputs[place])} |" for each in results)
    return f"""| | {_in_cell(questions[place].question)} |
|---|---|
| the truth | {_in_cell(questions[place].answer)} |
{rows}
"""


def _in_cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ⏎ ").strip()


def _plot(results: Sequence[Result], destination: Path) -> None:
    figure, axes = pyplot.subplots(figsize=(7, 5), layout="constrained")
    for index, each in enumerate(results):
        axes.scatter(
            each.scores["ROUGE-L"],
            each.scores["answers of the asked form"],
            color=f"C{index}",
            label=each.model,
        )
    axes.set_xlabel("ROUGE-L recall of the truth")
    axes.set_ylabel("share of answers of the asked form")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    try:
        replace_file(destination, lambda path: figure.savefig(path, dpi=110))
    finally:
        pyplot.close(figure)


def main() -> None:
    """Run all steps and write the page after each."""
    parser = argument_parser(__doc__ or "", _PAGE)
    parser.add_argument("--full", action="store_true", help="learn all of TOFU: for a machine with a GPU")
    parser.add_argument("--forget", choices=["forget01", "forget05", "forget10"], default="forget01")
    parser.add_argument("--oracle", action="store_true", help="flag by the benchmark's labels")
    parser.add_argument("--sampled", type=int, default=40, help="questions that answers are drawn to")
    arguments = parser.parse_args()
    cache = cache_folder()
    recipe = TofuRecipe.whole() if arguments.full else small_recipe(arguments.forget)
    run = TofuReproduction(
        recipe,
        prepare_smollm2(cache),
        Path(arguments.data) if arguments.data else None,
        cache / "reproduction" / f"tofu-{recipe.digest}",
        _processor_time(timed_lines()),
    )
    comparison = ActionComparison(run, Comparison(arguments.forget, arguments.oracle, arguments.sampled))
    for results in comparison.measure():
        write_actions_page(arguments.page, comparison, results)


def _processor_time(say: Say) -> Say:
    return lambda line: say(f"{line} (processor time {time.process_time():.0f} s)")


if __name__ == "__main__":
    main()
