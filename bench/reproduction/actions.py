"""Sets a target's actions side by side on TOFU: ``python -m bench.reproduction.actions`` (``make reproduce-actions``).

What each leaves to be got out, how its answers read, what it costs, and what of that holds once the weights are rounded to
few bits. Trains what `bench.reproduction.tofu` trains for one forget set, in the same place. Every step is kept in the cache, so
that an interrupted run goes on where it stopped.
"""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pydantic
from matplotlib import pyplot

from bench.page import write_sections
from bench.reproduction.command import (
    Say,
    argument_parser,
    positive_count,
    timed_lines,
    told_command,
    typed_arguments,
)
from bench.reproduction.measured import dtype_in_name, machines, read_measured, write_measured
from bench.reproduction.report import described_adapter, described_corruption
from bench.reproduction.tofu import TofuReproduction, recorded
from bench.reproduction.tofu_models import TofuRecipe, retain_part
from lethe.bundle.files import replace_file
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
from lethe.offline.evaluation.results import Result, markdown_table
from lethe.offline.evaluation.tofu import TofuQuestions, compare_with_retain, evaluate_tofu
from lethe.offline.evaluation.tofu_data import load_tofu
from lethe.offline.language_models.guarded import GuardedModel, Selects
from lethe.offline.language_models.interface import LanguageModel
from lethe.offline.language_models.local import LocalModel
from lethe.offline.language_models.quantization import GROUP
from lethe.offline.language_models.refusing import RefusingModel
from lethe.offline.language_models.routed import RoutedModel
from lethe.server.settings.policy import PolicySettings

_TRANSLATIONS = Path(__file__).parents[1] / "redteam_data" / "forget01_translations.jsonl"
_PAGE = Path("docs/reproduction-actions.md")
_BITS = (None, 8, 4)
_SUFFIXES = ("whole", "8-bits", "4-bits")


@dataclass(frozen=True)
class Comparison:
    """What is compared, and on how much.

    Attributes
    ----------
    by_oracle
        Flag by the benchmark's labels, however a question is asked, in place of a classifier that is trained for it.
    questions
        How many of the forget set's questions are asked, drawn by a seed; None is all. Everything is learned and forgotten
        however few are asked.
    sampled
        How many of these answers are drawn to.
    drawn
        How many to each.
    bits
        To how many the weights are rounded; None is the model as it is.
    """

    forget: str = "forget01"
    by_oracle: bool = False
    questions: int | None = None
    sampled: int = 40
    drawn: int = 8
    bits: tuple[int | None, ...] = _BITS

    @property
    def results(self) -> str:
        """The name of what is measured, without the bits: another choice of questions is another measurement."""
        asked = "" if self.questions is None else f"-{self.questions}-asked"
        flagged = "-by-labels" if self.by_oracle else ""
        return f"actions-{self.forget}{asked}{flagged}-{self.drawn}-to-{self.sampled}"


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
        """Give what is measured so far after each model, the weights rounded to one number of bits after another."""
        retain = evaluate_tofu(
            self.run.model(f"retain-{self.comparison.forget}"), self._tofu(), self.run.recipe.answer_tokens
        )
        measured = []
        for bits in self.comparison.bits:
            results = []
            for name, model in self._compared(bits):
                result = self._measured(name, model)
                results.append(compare_with_retain(result, retain) if result.samples else result)
                write_measured(
                    results,
                    self.run.work / "results" / f"{self.comparison.results}-{_suffix(bits)}",
                    self.run.dtype,
                )
                yield [*measured, *results]
            measured += results

    @property
    def questions(self) -> ExposureQuestions:
        """The forget set, what was learned beside it, and as many questions as it has that no model learned."""
        run, forget = self.run, _translated(self._asked())
        near = tuple(retain_part(run.recipe, run.data))
        learned = {each.question for each in near}
        unlearned = [each for each in load_tofu("retain", run.data) if each.question not in learned]
        return ExposureQuestions(
            forget, near[: len(forget)], unlearned[: len(forget)], self.comparison.sampled
        )

    def _asked(self) -> Sequence[ForgetQuestion]:
        every, count = load_tofu(self.comparison.forget, self.run.data), self.comparison.questions
        if count is None:
            return every
        places = random.Random(0).sample(range(len(every)), min(count, len(every)))
        return [every[place] for place in sorted(places)]

    def _tofu(self) -> TofuQuestions:
        loaded = TofuQuestions.load(self.comparison.forget, self.run.data, self.run.recipe.utility_questions)
        return replace(loaded, forget=self._asked())

    def _compared(self, bits: int | None) -> Iterator[tuple[str, LanguageModel]]:
        forget, selects = self.comparison.forget, self._selects()
        suffix = "" if bits is None else f", {bits} bits"
        if bits is None:
            yield "retain", self.run.model(f"retain-{forget}")
        model = self.run.model("full", bits)
        yield f"original{suffix}", model
        if bits is None:
            yield "refuse", RefusingModel(model, selects, PolicySettings().refusal, "refuse")
        corruption = read_artifact(self.run.learn(forget))
        yield f"corrupt{suffix}", GuardedModel(model, corruption, selects, "corrupt")
        adapted = self.run.adapted(forget, bits)
        both = GuardedModel(adapted, corruption, lambda texts: [True] * len(texts), "adapter+corrupt")
        yield f"adapter{suffix}", RoutedModel(model, adapted, selects, "adapter")
        yield f"adapter+corrupt{suffix}", RoutedModel(model, both, selects, "adapter+corrupt")

    def _selects(self) -> Selects:
        if not self.comparison.by_oracle:
            return self.run.selects(self.comparison.forget)
        asked = tuple(
            text
            for each in self.questions.forget
            for text in (each.question, each.paraphrased_question, *each.translations.values())
            if text
        )
        # A question that is asked beside another one stands behind it.
        return lambda texts: [text.endswith(asked) for text in texts]

    def measured(self) -> list[Result]:
        """What was measured so far, by this process or others."""
        return read_measured(self.run.work / "results", self.comparison.results, _SUFFIXES)

    def machines(self) -> list[str]:
        """The machines that it was measured on."""
        return machines(self.run.work / "results", self.comparison.results, _SUFFIXES)

    def _measured(self, name: str, model: LanguageModel) -> Result:
        self.run.say(f"measuring {name}")
        recipe, comparison = self.run.recipe, self.comparison
        original, base = self.run.model("full"), self._base()
        sampling = Sampling(comparison.drawn, max_tokens=recipe.answer_tokens)
        if isinstance(model, RefusingModel):
            spoken = evaluate_answers(model, self.questions, original, sampling, base)
            return replace(spoken, model=name)
        exposed = evaluate_exposure(model, self.questions, original, sampling, base)
        tofu = evaluate_tofu(model, self._tofu(), recipe.answer_tokens)
        scores = {"model utility": tofu.scores["model utility"], **exposed.scores}
        intervals = {"model utility": tofu.intervals["model utility"], **exposed.intervals}
        return replace(exposed, model=name, scores=scores, samples=tofu.samples, intervals=intervals)

    def _base(self) -> LanguageModel:
        answers = self.run.work / "answers" / f"base{dtype_in_name(self.run.dtype)}.jsonl"
        base = LocalModel.from_pretrained(str(self.run.base), name="base", dtype=self.run.dtype)
        return recorded(base, answers)


def _translated(questions: Sequence[ForgetQuestion]) -> tuple[ForgetQuestion, ...]:
    """The questions with the translations that the bench has of them: of all in forget01."""
    table = {each.question: each.translations for each in read_objects(_TRANSLATIONS, TranslatedQuestion)}
    return tuple(each.model_copy(update={"translations": table.get(each.question, {})}) for each in questions)


class TranslatedQuestion(pydantic.BaseModel):
    """A line of the table of translations."""

    question: str
    translations: dict[str, str]


def write_actions_page(page: Path, compared: Sequence[ActionComparison], arguments: str = "") -> None:
    """Write what was measured so far into the page, with a picture of each forget set beside it.

    The sections of other forget sets stay as they are.

    Parameters
    ----------
    arguments
        Of the command that measured it.
    """
    command = told_command("reproduce-actions", arguments)
    sections = {
        each.comparison.forget: _section(page, each, results, command)
        for each in compared
        if (results := each.measured())
    }
    opening = f"""# A target's actions side by side, on TOFU

Each section is written by the command under its heading; nothing on this page is typed by hand.

What is flagged is answered as the column says; `refuse` by one fixed sentence, of which no model scores anything. `retain` never
learned the forget set. Figures are means over the forget questions that are asked with 95 % bootstrap intervals, of greedy answers of
{compared[0].run.recipe.answer_tokens} tokens. leak@k draws answers at temperature 1; over-forgetting is the share of what `original` answered of as many
retain questions and the model does not; questions with translations are asked in German, Spanish, French, Russian and Chinese by
turns; beside each stands one of eight ordinary questions once; perplexity is under SmolLM2-135M-Instruct as it came. Utility is
TOFU's. Membership is told against questions of the same kind that no model learned, where there are some: 0.5 where nothing shows, and 0 tells as much as 1.

Rounded weights are those of all linear layers, in groups of {GROUP}; the corruption and the adapter are those that were learned on the
whole model. An adapter's own weights stay as they are. Relearning is no attack on `corrupt` and `refuse`, which leave the weights alone:
whoever can train the model has all of it.
"""
    write_sections(page, opening, sections)


def _section(page: Path, comparison: ActionComparison, results: Sequence[Result], command: str) -> str:
    picture = page.parent / "figures" / f"actions-{comparison.comparison.forget}.png"
    whole = [each for each in results if "bits" not in each.model]
    whole.sort(key=lambda each: each.model == "refuse")
    rounded = [each for each in results if "bits" in each.model]
    _plot(whole, picture)
    recipe, questions, chosen = comparison.run.recipe, comparison.questions, comparison.comparison
    every = len(load_tofu(chosen.forget, comparison.run.data))
    asked = "all" if len(questions.forget) == every else f"{len(questions.forget)} drawn by a seed"
    translated = sum(bool(each.translations) for each in questions.forget)
    alter, scale = comparison.run.alter(chosen.forget)
    adapter = (
        f"`adapter` is ALTER's: {described_adapter(alter, scale)}."
        if any(each.model.startswith("adapter") for each in results)
        else "No adapter is trained yet."
    )
    flagged = (
        "the benchmark's own labels, however it is asked"
        if chosen.by_oracle
        else "a classifier that was trained for it"
    )
    retained = "all" if recipe.retain_questions is None else f"{recipe.retain_questions}"
    learned = ", ".join(recipe.forget_sets)
    held_out = (
        f"membership against {len(questions.holdout)} that no model learned"
        if questions.holdout
        else "membership is left out, as the models learned all that TOFU has"
    )
    examples = "\n".join(
        _example(questions.forget, whole, place) for place in range(min(2, len(questions.forget)))
    )
    return f"""## {chosen.forget}

`{command}`

{chr(10).join(comparison.machines())}

SmolLM2-135M-Instruct learned {learned} and {retained} of the retain part in {recipe.fine_tuning.epochs} epochs; `retain` all of it but the {every}
questions of {chosen.forget}. Of these {asked} are asked; translations are there for {translated} of them. A question is flagged by {flagged}. {adapter}
{described_corruption(comparison.run, chosen.forget)}
leak@k is over {chosen.drawn} answers to each of {min(chosen.sampled, len(questions.forget))} questions; over-forgetting is over {len(questions.near)} retain questions, {held_out};
utility over {recipe.utility_questions or "all"} questions of each set.

{markdown_table(whole)}

![What leaks, against how answers read](figures/{picture.name})

{examples}
### {chosen.forget}, rounded weights

{markdown_table(rounded) if rounded else "Not measured yet."}
"""


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
    parser.add_argument(
        "--forget", action="append", choices=["forget01", "forget05", "forget10"], help="forget01 by default"
    )
    parser.add_argument("--epochs", type=positive_count, help="in how many the models learn")
    parser.add_argument("--oracle", action="store_true", help="flag by the benchmark's labels")
    parser.add_argument(
        "--questions",
        type=positive_count,
        help="forget questions that are asked, drawn by a seed; all by default",
    )
    parser.add_argument(
        "--sampled", type=positive_count, default=40, help="of these, those that answers are drawn to"
    )
    parser.add_argument(
        "--bits",
        action="append",
        type=int,
        choices=[each or 0 for each in _BITS],
        help="measure only weights of so many bits, 0 as they are, and write no page",
    )
    parser.add_argument(
        "--recorded", action="store_true", help="write the page of what was measured, and measure nothing"
    )
    parser.add_argument(
        "--base", type=Path, help="folder of the base model; SmolLM2-135M-Instruct by default"
    )
    arguments = parser.parse_args()
    typed = typed_arguments()
    cache = cache_folder()
    bits = tuple(each or None for each in arguments.bits) if arguments.bits else _BITS
    comparisons = []
    for forget in arguments.forget or ["forget01"]:
        recipe = TofuRecipe.whole() if arguments.full else replace(TofuRecipe(), forget_sets=(forget,))
        if arguments.epochs:
            recipe = recipe.learned_in(arguments.epochs)
        run = TofuReproduction(
            recipe,
            arguments.base or prepare_smollm2(cache),
            Path(arguments.data) if arguments.data else None,
            cache / "reproduction" / f"tofu-{recipe.digest}",
            _processor_time(timed_lines()),
        )
        chosen = Comparison(forget, arguments.oracle, arguments.questions, arguments.sampled, bits=bits)
        comparisons.append(ActionComparison(run, chosen))
    for comparison in () if arguments.recorded else comparisons:
        for _ in comparison.measure():
            if not arguments.bits:
                write_actions_page(arguments.page, comparisons, typed)
    if not arguments.bits:
        write_actions_page(arguments.page, comparisons, typed)


def _suffix(bits: int | None) -> str:
    return "whole" if bits is None else f"{bits}-bits"


def _processor_time(say: Say) -> Say:
    return lambda line: say(f"{line} (processor time {time.process_time():.0f} s)")


if __name__ == "__main__":
    main()
