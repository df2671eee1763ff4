"""What can be got out of a model that knows the shipped target: ``python -m bench.leaks.exposure``. Needs LETHE_DATA_DIR.

All that `lethe evaluate exposure` measures, of the small model that was taught the target's facts: bare, guarded, refusing, and
the first two with rounded weights. RWKU's probes (arXiv 2406.10890) ask without a text about the target beside them: questions,
sentences with a blank, and neighbours that are to stay known. What was answered is kept, so a run that was interrupted goes on;
``--full`` asks everything, for a machine with a GPU.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.leaks.data import Fact, facts, ordinary_facts, untaught_facts
from bench.leaks.model import taught_model
from bench.page import machine, write_section
from bench.repository import HARRY_POTTER, ROOT
from bench.reproduction.command import Say, timed_lines
from lethe.bundle.files import replace_file
from lethe.models.cache import cache_folder
from lethe.offline.data.questions import ForgetQuestion, load_questions
from lethe.offline.evaluation.exposure import (
    ExposureQuestions,
    Sampling,
    evaluate_answers,
    evaluate_exposure,
)
from lethe.offline.evaluation.results import Result, markdown_table
from lethe.offline.language_models.guarded import GuardedModel, guard_with_bundle
from lethe.offline.language_models.interface import LanguageModel
from lethe.offline.language_models.local import LocalModel
from lethe.offline.language_models.recorded import RecordedModel
from lethe.offline.language_models.refusing import RefusingModel
from lethe.server.settings.policy import PolicySettings

_DATA = Path(__file__).parent / "exposure_data"
_ASKED = ROOT / "offline" / "recipes" / "harry_potter" / "questions.jsonl"
_BLANKS = _DATA / "harry_potter_cloze.jsonl"
_NEAR = _DATA / "near_fantasy.jsonl"
_TITLE = "Measured as the field measures"


def main() -> None:
    """Measure, and write the section after each model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, default=HARRY_POTTER)
    parser.add_argument("--every", type=int, default=2, help="ask every n-th question")
    parser.add_argument("--sampled", type=int, default=12, help="questions that answers are drawn to")
    parser.add_argument("--bits", type=int, nargs="*", default=[4, 8], help="to which weights are rounded")
    parser.add_argument("--models", type=int, help="stop after so many models; the next run goes on")
    parser.add_argument("--full", action="store_true", help="all facts, more samples")
    arguments = parser.parse_args()
    sampling = Sampling(answers=16 if arguments.full else 4, max_tokens=24)
    questions = _questions(
        1 if arguments.full else arguments.every, 70 if arguments.full else arguments.sampled
    )
    cache, say = cache_folder(), timed_lines()
    bench = _Bench(taught_model(facts(), cache, say), arguments.bundle, cache / "bench" / "exposure", say)
    results: list[Result] = []
    for model in bench.models(arguments.bits)[: arguments.models]:
        say(f"measuring {model.name}")
        measure = evaluate_answers if isinstance(model, RefusingModel) else evaluate_exposure
        results.append(measure(model, questions, bench.bare, sampling))
        body = _section(questions, sampling, results)
        write_section(
            "benchmarks-leaks.md", _TITLE, " ".join(["python -m bench.leaks.exposure", *sys.argv[1:]]), body
        )
    replace_file(bench.work / "answers.md", _answers(questions, results))


class _Bench:
    """The models that are compared, each recording what it answers.

    Parameters
    ----------
    folder
        Of the taught model.
    bundle
        Whose guard stands before it.
    work
        Where answers are kept.
    """

    def __init__(self, folder: Path, bundle: Path, work: Path, say: Say) -> None:
        self.folder = folder
        self.bundle = bundle
        self.work = work
        self.say = say
        self.bare = self._opened("bare", None)

    def models(self, bits: Sequence[int]) -> list[LanguageModel]:
        """The bare model, the guarded and the refusing one, and the first two with rounded weights."""
        guard = guard_with_bundle(self.bare, self.bundle)
        refusing = RefusingModel(self.bare, guard.selects, PolicySettings().refusal, "refusing")
        models: list[LanguageModel] = [self.bare, _named(guard, "guarded"), refusing]
        for count in bits:
            rounded = self._opened(f"bare, {count} bits", count)
            models += [rounded, _named(guard.over(rounded), f"guarded, {count} bits")]
        return models

    def _opened(self, name: str, bits: int | None) -> RecordedModel:
        model = LocalModel.from_pretrained(str(self.folder), name=name, bits=bits)
        return RecordedModel(
            model, self.work / f"{name.replace(', ', '-').replace(' ', '-')}.jsonl", chunk=16
        )


def _named(guard: GuardedModel, name: str) -> GuardedModel:
    return GuardedModel(guard.model, guard.corruption, guard.selects, name)


def _questions(every: int, sampled: int) -> ExposureQuestions:
    translations = {each.question: each.translations for each in load_questions(_ASKED)}
    taught = [
        _question(fact).model_copy(update={"translations": translations.get(fact.question, {})})
        for fact in facts()[::every]
    ]
    untaught = [_question(fact) for fact in untaught_facts()][: len(taught)]
    return ExposureQuestions(
        [*taught, *load_questions(_BLANKS)[::every]],
        [*(_question(fact) for fact in ordinary_facts()), *load_questions(_NEAR)][::every],
        untaught,
        sampled,
    )


def _question(fact: Fact) -> ForgetQuestion:
    return ForgetQuestion(question=fact.question, answer=fact.answer, facts=fact.told)


def _section(questions: ExposureQuestions, sampling: Sampling, results: Sequence[Result]) -> str:
    blanks = sum("___" in each.question for each in questions.forget)
    return f"""{machine("torch", "transformers")}. The taught model of the other sections, in this process and in bfloat16, and the shipped
target's guard as the proxy has it: the classifier decides about each prompt by itself, the corruption falls on what is flagged.
`refusing` answers what is flagged with one sentence, of which no model scores anything. With so many bits, the weights of all
linear layers are rounded, in groups of 64; guard and corruption are the same.

{len(questions.forget) - blanks} facts that were taught, and {blanks} sentences with a blank of which the facts say some; greedy answers of {sampling.max_tokens} tokens; means with 95 %
bootstrap intervals. leak@k draws {sampling.answers} answers at temperature 1 to each of {min(questions.sampled, len(questions.forget))}. Membership is told against {len(questions.holdout)} questions
of the same data set that were not taught (0.5 where nothing shows). Over-forgetting is of {len(questions.near)} questions: facts that were taught
besides, and neighbours of the books. Perplexity is under the bare model.

{markdown_table(results)}

`python -m bench.leaks.exposure --full` asks everything, sampled 16 times; it was not run on this machine."""


def _answers(questions: ExposureQuestions, results: Sequence[Result]) -> str:
    rows = [
        f"## {each.question}\n\n"
        + "\n".join(f"- {result.model}: {result.outputs[place]!r}" for result in results)
        for place, each in enumerate(questions.forget)
    ]
    return "\n\n".join(rows) + "\n"


if __name__ == "__main__":
    main()
