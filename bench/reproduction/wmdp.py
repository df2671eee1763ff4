"""Forgets a subject of multiple-choice questions on a small model: ``python -m bench.reproduction.wmdp``.

Fine-tunes the model until it knows the synthetic questions of WMDP's three subjects and some plain world facts, then
forgets biology behind ECO's guard. Corruption and classifier see half of biology; what they do to the other half, to
the other subjects and to the facts is measured in this process and through the real proxy, ``make reproduce-wmdp``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.reproduction.command import Say, argument_parser, data_folder, timed_lines
from bench.reproduction.guard import has_classifier, has_corruption, learn_into, train_classifier_into
from bench.reproduction.machine import describe_machine
from bench.reproduction.report import copy_picture
from bench.reproduction.serving import served
from lethe.bundle.files import replace_file
from lethe.corruption.description import read_artifact
from lethe.models.cache import cache_folder
from lethe.models.smollm2 import prepare_smollm2
from lethe.offline.corruption_learning.evaluator import CorruptionEvaluator
from lethe.offline.corruption_learning.settings import LearningSettings
from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.evaluation.multiple_choice import (
    LETTERS,
    ChoiceQuestion,
    choice_task,
    evaluate_multiple_choice,
    load_wmdp,
)
from lethe.offline.evaluation.plots import plot_results
from lethe.offline.evaluation.results import Result, markdown_table, write_results
from lethe.offline.evaluation.tofu_data import load_tofu
from lethe.offline.language_models.guarded import GuardedModel, guard_with_bundle, oracle
from lethe.offline.language_models.interface import LanguageModel
from lethe.offline.language_models.local import LocalModel
from lethe.offline.language_models.opening import open_proxy
from lethe.offline.language_models.recorded import RecordedModel
from lethe.offline.training.fine_tuning import FineTuningSettings, train

FORGOTTEN = "biology"
_FACTS = "world facts"
_HELD_OUT = "biology, held out"
_FORMAT = "chat"
_CHANCE = 0.25
_SEARCHED = LearningSettings(
    functions=("rand_noise_first_n", "flip_sign_top_k", "zero_out_top_k"),
    dims=(1, 32, 256),
    strengths=(0.5, 2.0, 8.0, 32.0),
    restarts=2,
    steps=2,
    positions=("user_content",),
    surrogate={"accuracy": _CHANCE},
)


@dataclass(frozen=True)
class WmdpRecipe:
    """How much is learned, and how.

    Attributes
    ----------
    questions
        Of each subject, and of the world facts.
    """

    questions: int = 100
    fine_tuning: FineTuningSettings = field(
        default_factory=lambda: FineTuningSettings(epochs=8, batch_size=8, learning_rate=2e-4)
    )


@dataclass(frozen=True)
class WmdpQuestions:
    """What the model is taught: the half of the forgotten subject that the guard is made from, and all it is tried on."""

    seen: Sequence[ChoiceQuestion]
    tried: Sequence[ChoiceQuestion]

    @classmethod
    def load(cls, recipe: WmdpRecipe, data: Path) -> "WmdpQuestions":
        """Read the synthetic questions, and make world facts into questions of the same form.

        Raises
        ------
        DataError
            A file is missing or malformed.
        """
        subjects = {
            name: [question for question in load_wmdp(data, [file]) if question.subject == name][
                : recipe.questions
            ]
            for name, file in (("biology", "bio"), ("chemistry", "chem"), ("cybersecurity", "cyber"))
        }
        forgotten = subjects.pop(FORGOTTEN)
        held_out = [replace(question, subject=_HELD_OUT) for question in forgotten[1::2]]
        others = [question for part in subjects.values() for question in part]
        return cls(forgotten[::2], [*forgotten[::2], *held_out, *others, *_world_facts(recipe, data)])


class WmdpReproduction:
    """The steps, each of which finds what the earlier ones left.

    Parameters
    ----------
    base
        Folder of the base model.
    data
        Benchmark data.
    work
        Where models, bundle and answers are kept.
    say
        Told what happens.
    """

    def __init__(self, recipe: WmdpRecipe, base: Path, data: Path, work: Path, say: Say = print) -> None:
        self.recipe = recipe
        self.base = base
        self.data = data
        self.work = work
        self.say = say
        self.questions = WmdpQuestions.load(recipe, data)
        self.bundle = work / "targets" / "wmdp-biology"

    def teach(self) -> Path:
        """Fine-tune the model that knows everything, and give its folder."""
        return train(
            self.base,
            [as_forget_question(question) for question in self.questions.tried],
            self.recipe.fine_tuning,
            self.work / "models" / "knows",
            lambda epoch, loss: self.say(f"epoch {epoch}, loss {loss:.4f}"),
        )

    def learn(self, model: LanguageModel) -> Path:
        """Learn the corruption under which the seen half scores as by chance."""
        if has_corruption(self.bundle):
            return self.bundle
        evaluator = CorruptionEvaluator(
            model, [as_forget_question(question) for question in self.questions.seen], ["accuracy"]
        )
        return learn_into(
            self.bundle, _SEARCHED, evaluator, self.teach(), self.work / "search.jsonl", self.say
        )

    def classify(self) -> Path:
        """Train the classifier to tell the seen half, as it is asked and bare, from the rest."""
        if has_classifier(self.bundle):
            return self.bundle
        kept = [
            question for question in self.questions.tried if question.subject not in (FORGOTTEN, _HELD_OUT)
        ]
        return train_classifier_into(
            self.bundle, _as_asked(self.questions.seen), _as_asked(kept[::2]), [], self.work, self.say
        )

    def measure(self, *, classifier: bool = True, cache: Path | None = None) -> list[Result]:
        """Accuracy by subject: the base model, the one that knows, and ECO by labels, by classifier, and as served.

        Without a classifier, ECO is guarded by the oracle's labels alone; without a cache folder for the proxy
        nothing is served.
        """
        knows = self._open(self.teach(), "knows")
        bundle = self.learn(knows)
        corruption = read_artifact(bundle)
        forgotten = oracle(
            choice_task(question, _FORMAT).prompt.text
            for question in self.questions.tried
            if question.subject in (FORGOTTEN, _HELD_OUT)
        )
        results = [
            self._accuracy(self._open(self.base, "base"), "base"),
            self._accuracy(knows, "taught"),
            self._accuracy(GuardedModel(knows, corruption, forgotten, "oracle"), "ECO, oracle labels"),
        ]
        if classifier:
            results.append(self._accuracy(guard_with_bundle(knows, self.classify()), "ECO"))
        if classifier and cache:
            results.append(self._accuracy_served(cache))
        write_results(results, self.work / "results")
        plot_results(results, self.work / "results" / "results.png")
        return results

    def _accuracy_served(self, cache: Path) -> Result:
        self.say("starting the proxy and its engine")
        with served(self.teach(), self.bundle, cache) as running:
            return self._accuracy(open_proxy(running.url), "ECO, served")

    def _open(self, folder: Path, name: str) -> LanguageModel:
        return RecordedModel(
            LocalModel.from_pretrained(str(folder), name=name), self.work / "answers" / f"{name}.jsonl"
        )

    def _accuracy(self, model: LanguageModel, name: str) -> Result:
        self.say(f"measuring {name}")
        return replace(evaluate_multiple_choice(model, self.questions.tried, "wmdp", _FORMAT), model=name)


def as_forget_question(question: ChoiceQuestion) -> ForgetQuestion:
    """A multiple-choice question as it is asked of a chat model, answered by its letter."""
    task = choice_task(question, _FORMAT)
    return ForgetQuestion(
        question=task.prompt.text, answer=LETTERS[question.answer], options=tuple(task.options)
    )


def write_page(page: Path, run: WmdpReproduction, results: Sequence[Result]) -> None:
    """Write the page of the figures, with the picture beside it."""
    picture = copy_picture(run.work / "results" / "results.png", page, "wmdp")
    corruption = read_artifact(run.bundle)
    training = run.recipe.fine_tuning
    text = f"""# Forgetting biology, by multiple choice

Written by `make reproduce-wmdp`; nothing on this page is typed by hand.

{describe_machine()}

SmolLM2-135M-Instruct was taught {len(run.questions.tried)} questions, at most {run.recipe.questions} a subject: the synthetic
questions of WMDP's subjects and TOFU's world facts ({training.epochs} epochs, batches of {training.batch_size}, learning rate
{training.learning_rate:g}). Corruption and classifier were made from `biology`, every second question, and from half of what
is to be kept; they never saw `biology, held out`. `ECO, served` went through `lethe serve`, vLLM and the plugin.

Learned corruption: `{corruption.function}`, {corruption.dims} dims, strength {corruption.strength:.3g}, on
`{corruption.positions}`; searched for an accuracy of {_CHANCE:.0%}, which is chance.

{markdown_table(results)}

![accuracy by subject]({picture})
"""
    replace_file(page, text)


def _world_facts(recipe: WmdpRecipe, data: Path) -> list[ChoiceQuestion]:
    """World facts with three wrong answers each; the right one stands at each letter in turn."""
    questions = []
    for index, fact in enumerate(load_tofu("world_facts", data)[: recipe.questions]):
        if len(fact.wrong_answers) < 3:
            continue
        place = index % 4
        wrong = fact.wrong_answers[:3]
        choices = (*wrong[:place], fact.answer, *wrong[place:])
        questions.append(ChoiceQuestion(_FACTS, fact.question, choices, place))
    return questions


def _as_asked(questions: Sequence[ChoiceQuestion]) -> list[str]:
    return [
        text
        for question in questions
        for text in (choice_task(question, _FORMAT).prompt.text, question.question)
    ]


def main() -> None:
    """Run all steps and write the page."""
    parser = argument_parser(__doc__ or "", Path("docs/reproduction-wmdp.md"))
    parser.add_argument("--questions", type=int, default=100, help="questions of each subject")
    arguments = parser.parse_args()
    recipe = WmdpRecipe(questions=arguments.questions)
    cache = cache_folder()
    work = cache / "reproduction" / f"wmdp-{recipe.questions}"
    run = WmdpReproduction(
        recipe, prepare_smollm2(cache), data_folder(parser, arguments), work, timed_lines()
    )
    write_page(arguments.page, run, run.measure(cache=cache))


if __name__ == "__main__":
    main()
