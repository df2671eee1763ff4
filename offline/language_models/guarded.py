"""A model behind a guard: prompts that a rule selects are corrupted, all others pass untouched."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lethe.bundle import BaseModel, Bundle, load_bundle
from lethe.classifier.conversation import Conversation
from lethe.classifier.encoders.files import DEFAULT_ENCODER
from lethe.classifier.service import ClassifierService
from lethe.corruption.artifact import Corruption, load_corruption
from lethe.offline.language_models.interface import (
    Choice,
    Examination,
    Generation,
    LanguageModel,
    LanguageModelError,
    Scoring,
)

Selects = Callable[[Sequence[str]], list[bool]]

_CLASSIFIED_TOGETHER = 32

_Task = TypeVar("_Task", Scoring, Generation, Choice)


class GuardedModel:
    """Corrupts selected prompts.

    Parameters
    ----------
    selects
        Says of each prompt's text whether it is to be corrupted: a classifier, or the oracle labels of a benchmark.
    """

    def __init__(self, model: LanguageModel, corruption: Corruption, selects: Selects, name: str) -> None:
        self.model = model
        self.corruption = corruption
        self.selects = selects
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    def at_strength(self, strength: float) -> "GuardedModel":
        """The same guard with a corruption of another strength."""
        corruption = replace(self.corruption, strength=strength)
        return GuardedModel(self.model, corruption, self.selects, f"{self.name} at {strength:g}")

    def over(self, model: LanguageModel) -> "GuardedModel":
        """The same guard before another model that has the same embeddings."""
        return GuardedModel(model, self.corruption, self.selects, f"{model.name}, guarded")

    def score(self, tasks: Sequence[Scoring]) -> list[NDArray[np.float64]]:
        """See `LanguageModel.score`."""
        return self.model.score(self._corrupted(tasks))

    def examine(self, tasks: Sequence[Scoring]) -> list[Examination]:
        """See `LanguageModel.examine`."""
        return self.model.examine(self._corrupted(tasks))

    def generate(self, tasks: Sequence[Generation]) -> list[str]:
        """See `LanguageModel.generate`."""
        return self.model.generate(self._corrupted(tasks))

    def choose(self, tasks: Sequence[Choice]) -> list[NDArray[np.float64]]:
        """See `LanguageModel.choose`."""
        return self.model.choose(self._corrupted(tasks))

    def _corrupted(self, tasks: Sequence[_Task]) -> list[_Task]:
        return [
            replace(task, corruption=self.corruption) if selected else task
            for task, selected in zip(tasks, which_are_selected(tasks, self.selects), strict=True)
        ]


def which_are_selected(tasks: Sequence[_Task], selects: Selects) -> list[bool]:
    """Whether each task's prompt is selected; a prompt that several tasks share is judged once."""
    texts = list(dict.fromkeys(task.prompt.text for task in tasks))
    selected = dict(zip(texts, selects(texts), strict=True))
    return [selected[task.prompt.text] for task in tasks]


def oracle(forgotten: Iterable[str]) -> Selects:
    """Select exactly the prompts that are known to be forgotten."""
    known = frozenset(forgotten)
    return lambda texts: [text in known for text in texts]


def guard_with_bundle(
    model: LanguageModel, folder: Path, base_model: BaseModel | None = None, encoder: str = DEFAULT_ENCODER
) -> GuardedModel:
    """Put a bundle's classifier and corruption before a model, as the proxy does it.

    The proxy corrupts a whole prompt, so an answer that is to be scored cannot be sent through it: it would be corrupted
    with the question. Here the same classifier decides about the question alone.

    Parameters
    ----------
    folder
        The bundle.
    base_model
        Identity of the model, where known.
    encoder
        Its sentence encoder, see `ClassifierService.load`.

    Raises
    ------
    BundleError
        The bundle cannot be loaded.
    LanguageModelError
        It has no classifier or no corruption, or was made for another model.
    """
    bundle = load_bundle(folder)
    return GuardedModel(
        model,
        corruption_for(bundle, base_model),
        selected_by(bundle, encoder),
        f"{model.name} + {bundle.name} {bundle.version}",
    )


def corruption_for(bundle: Bundle, base_model: BaseModel | None = None) -> Corruption:
    """The corruption that a bundle has for a base model; its only one where the model is not known.

    Raises
    ------
    LanguageModelError
        It has no classifier or no corruption, or was made for another model.
    """
    corruptions = {
        each.base_model.embedding_sha256: each.corruption for each in bundle.models if each.corruption
    }
    if bundle.classifier is None or not corruptions:
        raise LanguageModelError(
            f"bundle {bundle.name} has no classifier or no corruption; both make a guard"
        )
    if base_model is None and len(corruptions) == 1:
        (file,) = corruptions.values()
    elif base_model is None or base_model.embedding_sha256 not in corruptions:
        made_for = ", ".join(
            each.id for each in bundle.manifest.models if each.embedding_sha256 in corruptions
        )
        other = (
            f"{base_model.id} has other embeddings" if base_model else "the model's weights are not at hand"
        )
        raise LanguageModelError(
            f"bundle {bundle.name} was made for {made_for}, and {other}; "
            "learn a corruption for it with `lethe corruption learn`"
        )
    else:
        file = corruptions[base_model.embedding_sha256]
    return load_corruption(file)


def selected_by(bundle: Bundle, encoder: str = DEFAULT_ENCODER) -> Selects:
    """Select the prompts that a bundle's classifier flags.

    Parameters
    ----------
    encoder
        See `guard_with_bundle`.

    Raises
    ------
    LanguageModelError
        The bundle has no classifier.
    """
    if bundle.classifier is None:
        raise LanguageModelError(f"bundle {bundle.name} has no classifier to select prompts by")
    service = ClassifierService.load(encoder, {bundle.name: bundle.classifier})

    async def classify(texts: Sequence[str]) -> list[bool]:
        waiting = asyncio.Semaphore(_CLASSIFIED_TOGETHER)

        async def flagged(text: str) -> bool:
            async with waiting:
                return bool((await service.classify(Conversation.from_prompt(text))).flagged)

        return list(await asyncio.gather(*(flagged(text) for text in texts)))

    return lambda texts: asyncio.run(classify(texts))
