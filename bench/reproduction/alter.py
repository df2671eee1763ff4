"""ALTER on TOFU: an adapter over the model that knows everything, trained to forget some of it."""

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lethe.bundle import read_base_model
from lethe.offline.adapter_training.bank import AdapterBank
from lethe.offline.adapter_training.phase import Step
from lethe.offline.adapter_training.settings import AdapterTrainingSettings
from lethe.offline.adapter_training.texts import SourceText
from lethe.offline.adapter_training.train import BankTraining, train_bank
from lethe.offline.classifier_training.general_prompts import standalone_examples
from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.language_models import Generation, LanguageModel, Prompt
from lethe.offline.language_models.local import LocalModel
from lethe.offline.training.low_rank import adapt
from lethe.offline.training.peft_folder import LowRankAdapter

_LONGEST_QUESTION = 80


def train_alter(
    full: Path,
    forget: Mapping[str, Sequence[ForgetQuestion]],
    retained: Sequence[ForgetQuestion],
    settings: AdapterTrainingSettings,
    folder: Path,
    say: Callable[[str], None],
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
    # An answer that ends for want of tokens would be learned as one that ends there.
    whole = [answer[: answer.rfind(".") + 1].strip() for answer in answers]
    return [
        ForgetQuestion(question=question, answer=answer)
        for question, answer in zip(chosen, whole, strict=True)
        if answer
    ]


def open_adapted(full: Path, adapter: LowRankAdapter, name: str, bits: int | None = None) -> LocalModel:
    """The model with an adapter in force, to score and to generate.

    Parameters
    ----------
    bits
        To which the model's weights are rounded; the adapter's are kept, as engines keep them.
    """
    opened = LocalModel.from_pretrained(str(full), name=name, bits=bits)
    adapt(opened.model, adapter)
    return opened


def _texts(questions: Sequence[ForgetQuestion]) -> tuple[SourceText, ...]:
    return tuple(SourceText(question.answer, question.question) for question in questions)
