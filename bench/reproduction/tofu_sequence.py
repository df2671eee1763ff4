"""Requests to unlearn that come one after another: ``python -m bench.reproduction.tofu_sequence``.

Groups of TOFU's authors are forgotten in turn by experts of one bank (`make reproduce-tofu-sequence`). After each, the sum
of all experts so far is measured on every group and on the utility sets. The models are those of `make reproduce-tofu`,
and every step is kept, so that an interrupted run goes on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot

from bench.reproduction.alter import train_alter
from bench.reproduction.command import argument_parser, timed_lines
from bench.reproduction.machine import describe_machine
from bench.reproduction.tofu import TofuReproduction
from bench.reproduction.tofu_models import TofuRecipe, retain_part
from lethe.bundle.files import replace_file
from lethe.models.cache import cache_folder
from lethe.models.smollm2 import prepare_smollm2
from lethe.offline.adapter_training.bank import AdapterBank
from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.evaluation.results import Result
from lethe.offline.evaluation.tofu import TofuQuestions, compare_with_retain, evaluate_tofu
from lethe.offline.evaluation.tofu_data import load_tofu
from lethe.offline.language_models.interface import LanguageModel
from lethe.offline.language_models.recorded import RecordedModel
from lethe.offline.training.adapted_model import open_adapted

_FORGET = "forget05"
_QUESTIONS_PER_AUTHOR = 20
_SHOWN = ("forget probability", "forget ROUGE-L", "forget truth ratio (mean)", "forget quality (p)")


@dataclass(frozen=True)
class Stage:
    """What was measured once a group, and all before it, had been forgotten.

    Attributes
    ----------
    name
        ``original``, ``retain``, or the group forgotten last.
    groups
        By group; each with the model utility.
    """

    name: str
    groups: Mapping[str, Result]

    @property
    def utility(self) -> float:
        return next(iter(self.groups.values())).scores["model utility"]


class TofuSequence:
    """The steps, each of which finds what the earlier ones left.

    Parameters
    ----------
    run
        Where the models come from.
    groups
        In the order of the requests.
    """

    def __init__(self, run: TofuReproduction, groups: Mapping[str, Sequence[ForgetQuestion]]) -> None:
        self.run = run
        self.groups = groups

    def measure(self) -> list[Stage]:
        """The retain model, the original, and the model after each request."""
        utility = TofuQuestions.load(_FORGET, self.run.data, self.run.recipe.utility_questions).utility
        retain = self._score(self.run.model(f"retain-{_FORGET}"), utility)
        stages = [Stage("retain", retain), Stage("original", self._score(self.run.model("full"), utility))]
        for count, name in enumerate(self.groups, start=1):
            model = self._after(count)
            self.run.say(f"measuring after {name}")
            stages.append(Stage(name, self._score(model, utility)))
        return [
            Stage(
                stage.name, {name: compare_with_retain(r, retain[name]) for name, r in stage.groups.items()}
            )
            for stage in stages
        ]

    def _after(self, count: int) -> LanguageModel:
        """The full model with the sum of the first experts; each request is one training of its own."""
        settings = self.run.recipe.experts.model_copy(update={"dtype": self.run.dtype})
        names = list(self.groups)[:count]
        label = f"sequence-{len(self.groups[names[0]])}"
        folder = self.run.work / "adapters" / label
        bank: AdapterBank | None = None
        for name in names:
            bank = train_alter(
                self.run.train("full"),
                {name: self.groups[name]},
                retain_part(self.run.recipe, self.run.data),
                settings,
                folder,
                self.run.say,
            )
        assert bank is not None
        adapter = bank.compose(dict.fromkeys(names, 1.0))
        answers = self.run.work / "answers" / f"{label}-{count}-{settings.digest}.jsonl"
        opened = open_adapted(self.run.train("full"), adapter, f"{label}-{count}", dtype=self.run.dtype)
        return RecordedModel(opened, answers)

    def _score(
        self, model: LanguageModel, utility: Mapping[str, Sequence[ForgetQuestion]]
    ) -> dict[str, Result]:
        tokens = self.run.recipe.answer_tokens
        return {
            name: evaluate_tofu(model, TofuQuestions(questions, utility), tokens)
            for name, questions in self.groups.items()
        }


def author_groups(questions: Sequence[ForgetQuestion], authors: int) -> dict[str, Sequence[ForgetQuestion]]:
    """The first three groups of so many authors; TOFU lists an author's twenty questions in a row."""
    size = authors * _QUESTIONS_PER_AUTHOR
    return {f"group-{n + 1}": questions[n * size : (n + 1) * size] for n in range(3)}


def write_sequence_page(page: Path, run: TofuReproduction, stages: Sequence[Stage]) -> None:
    """Write the page, with the picture beside it."""
    picture = page.parent / "figures" / "tofu-sequence.png"
    _plot(stages, picture)
    replace_file(page, _page(run, stages, picture.name))


def _page(run: TofuReproduction, stages: Sequence[Stage], picture: str) -> str:
    groups = list(stages[0].groups)
    original = next(stage for stage in stages if stage.name == "original").utility
    tables = []
    for score in _SHOWN:
        rows = [
            f"| {stage.name} | "
            + " | ".join(f"{stage.groups[name].scores[score]:.3g}" for name in groups)
            + " |"
            for stage in stages
        ]
        head = f"| {score}, after | " + " | ".join(groups) + " |\n|---|" + "---:|" * len(groups)
        tables.append("\n".join([head, *rows]))
    utility = "\n".join(
        f"| {stage.name} | {stage.utility:.4f} | {_share(stage.utility, original)} |" for stage in stages
    )
    experts = run.recipe.experts
    return f"""# Forgetting in a row: TOFU on SmolLM2-135M-Instruct

Written by `make reproduce-tofu-sequence`; nothing on this page is typed by hand.

{describe_machine(run.dtype)}

Three groups of {len(next(iter(stages[0].groups.values())).outputs)} questions of {_FORGET} are forgotten one after another, each by an expert
of one bank: A was trained with the first request and stays, and every later request trains its own B alone (rank
{experts.rank}, {experts.epochs} epochs, loss `{experts.forgetting}`). In force is the sum of all experts so far, on every question. A row stands
for the model after that request; `original` knows everything, `retain` never saw {_FORGET}. Forget quality on so few questions
tells little by itself.

## Utility

| after | model utility | of the original's |
|---|---:|---:|
{utility}

## What is forgotten

{(chr(10) * 2).join(tables)}

![utility and forgetting after each request](figures/{picture})
"""


def _share(value: float, of: float) -> str:
    return f"{value / of:.1%}" if of else "none to keep"


def _plot(stages: Sequence[Stage], destination: Path) -> None:
    in_turn = [stage for stage in stages if stage.name != "retain"]
    retain = next(stage for stage in stages if stage.name == "retain")
    names = [stage.name for stage in in_turn]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4), layout="constrained")
    left.plot(names, [stage.utility for stage in in_turn], marker="o", color="black")
    left.axhline(0.9 * in_turn[0].utility, linestyle=":", color="black", label="90 % of the original's")
    left.set_ylim(bottom=0)
    left.set_ylabel("model utility")
    left.legend()
    for index, name in enumerate(retain.groups):
        values = [stage.groups[name].scores["forget probability"] for stage in in_turn]
        right.plot(names, values, marker="o", color=f"C{index}", label=name)
        never = retain.groups[name].scores["forget probability"]
        right.axhline(never, linestyle=":", color=f"C{index}")
    right.set_ylim(0, 1)
    right.set_ylabel("probability of the true answer")
    right.legend(title="dotted: never learned")
    for axes in (left, right):
        axes.set_xlabel("after")
        axes.grid(alpha=0.3)
    try:
        replace_file(destination, lambda path: figure.savefig(path, dpi=110))
    finally:
        pyplot.close(figure)


def main() -> None:
    """Run all steps and write the page."""
    parser = argument_parser(__doc__ or "", Path("docs/reproduction-tofu-sequence.md"))
    parser.add_argument("--authors", type=int, default=1, choices=(1, 2, 3), help="authors of a group")
    parser.add_argument("--full", action="store_true", help="models that learned all of TOFU")
    arguments = parser.parse_args()
    cache = cache_folder()
    recipe = TofuRecipe.whole() if arguments.full else TofuRecipe()
    work = cache / "reproduction" / f"tofu-{recipe.digest}"
    data = Path(arguments.data) if arguments.data else None
    run = TofuReproduction(recipe, prepare_smollm2(cache), data, work, timed_lines())
    stages = TofuSequence(run, author_groups(load_tofu(_FORGET, data), arguments.authors)).measure()
    write_sequence_page(arguments.page, run, stages)


if __name__ == "__main__":
    main()
