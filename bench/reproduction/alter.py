"""ALTER on TOFU: an adapter over the model that knows everything, trained to forget some of it."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lethe.bundle import read_base_model
from lethe.corruption.artifact import Corruption
from lethe.offline.adapter_training.bank import AdapterBank
from lethe.offline.adapter_training.phase import Step
from lethe.offline.adapter_training.settings import AdapterTrainingSettings
from lethe.offline.adapter_training.texts import SourceText
from lethe.offline.adapter_training.train import BankTraining, train_bank
from lethe.offline.classifier_training.general_prompts import standalone_examples
from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.language_models import Generation, LanguageModel, Prompt
from lethe.offline.language_models.local import LocalModel
from lethe.offline.training.low_rank import load_weights
from lethe.offline.training.peft_folder import LowRankAdapter

_LONGEST_QUESTION = 80


@dataclass(frozen=True)
class AlterRecipe:
    """How an adapter is trained on a forget set.

    Attributes
    ----------
    wordings
        How many of the model's own answers to each forget question are drawn and forgotten too: without them the learned
        wording is forgotten before the fact is.
    """

    settings: AdapterTrainingSettings
    wordings: int = 0

    @property
    def digest(self) -> str:
        """Short digest of what decides the outcome."""
        return f"{self.settings.digest}-{self.wordings}"


def train_alter(
    full: Path,
    forget: Mapping[str, Sequence[ForgetQuestion]],
    retained: Sequence[ForgetQuestion],
    settings: AdapterTrainingSettings,
    folder: Path,
    say: Callable[[str], None],
    corruption: Corruption | None = None,
    earlier: Path | None = None,
) -> AdapterBank:
    """Train an expert for every subdomain, unless it is there.

    Parameters
    ----------
    full
        Folder of the model that is to forget.
    forget
        By subdomain.
    retained
        What it has learned besides, and is to keep.
    folder
        Where the bank of these settings is kept.
    say
        Told what begins, and of every epoch.
    corruption, earlier
        For the losses that learn from one, or from an earlier model.
    """

    def on_step(step: Step) -> None:
        steps_per_epoch = step.steps // (
            settings.shared_epochs if step.phase == "shared" else settings.epochs
        )
        if step.step % steps_per_epoch == 0:
            terms = ", ".join(f"{name} {value:.3f}" for name, value in step.terms.items())
            say(f"{step.phase}: epoch {step.epoch}, {terms}")

    training = BankTraining(
        full,
        read_base_model(full, full.name),
        {name: _texts(questions) for name, questions in forget.items()},
        _texts(retained),
        settings.model_copy(update={"work": folder / settings.digest}),
        corruption,
        earlier,
    )
    return train_bank(training, say, on_step).bank


def answered_questions(model: LanguageModel, count: int, max_tokens: int) -> list[ForgetQuestion]:
    """Ordinary questions with the model's own answers, for what it knows besides the data that it was trained on.

    The questions are those that classifiers are trained with; none is a benchmark's.
    """
    ordinary = [example.text for example in standalone_examples()]
    asked = [text for text in ordinary if text.endswith("?") and len(text) <= _LONGEST_QUESTION]
    chosen = random.Random(0).sample(asked, count)
    answers = model.generate([Generation(Prompt(question), max_tokens) for question in chosen])
    return [
        ForgetQuestion(question=question, answer=answer)
        for question, answer in zip(chosen, map(_whole_sentences, answers), strict=True)
        if answer
    ]


def worded_by(
    model: LanguageModel, questions: Sequence[ForgetQuestion], count: int, max_tokens: int
) -> list[ForgetQuestion]:
    """Questions with the model's own drawn answers, each other than the learned one, at most so many to a question."""
    tasks = [
        Generation(Prompt(each.question), max_tokens, temperature=1.0, seed=seed)
        for each in questions
        for seed in range(count)
    ]
    drawn = iter(map(_whole_sentences, model.generate(tasks) if tasks else ()))
    return [
        ForgetQuestion(question=each.question, answer=answer)
        for each in questions
        for answer in dict.fromkeys(next(drawn) for _ in range(count))
        if answer and answer != each.answer
    ]


def rescale(opened: LocalModel, adapter: LowRankAdapter) -> None:
    """Put another adapter of the same rank and layers in the place of the one in force."""
    load_weights(
        opened.model,
        {path: pair.down for path, pair in adapter.pairs.items()},
        {path: pair.up for path, pair in adapter.pairs.items()},
    )


def _whole_sentences(answer: str) -> str:
    # An answer that ends for want of tokens would be learned as one that ends there.
    return answer[: answer.rfind(".") + 1].strip()


def _texts(questions: Sequence[ForgetQuestion]) -> tuple[SourceText, ...]:
    return tuple(SourceText(question.answer, question.question) for question in questions)
