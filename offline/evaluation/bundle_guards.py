"""A model behind a bundle's classifier and what the bundle does to flagged prompts, as the proxy does it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lethe.bundle import Action, BaseModel, Bundle, load_bundle
from lethe.corruption.artifact import Corruption
from lethe.models.locate import local_folder
from lethe.offline.language_models.guarded import GuardedModel, Selects, corruption_for, selected_by
from lethe.offline.language_models.interface import LanguageModel, LanguageModelError
from lethe.offline.language_models.routed import RoutedModel

Adapted = Callable[[Path, int | None], LanguageModel]
"""Opens the model once more, with the adapter in a folder, and its weights rounded to some bits or not."""


@dataclass(frozen=True)
class BundleGuards:
    """A bundle's actions to put before a model.

    Attributes
    ----------
    base_model
        The model that they were made for; None where its weights are not at hand.
    actions
        Any that corrupt or adapt, in the order of what `before` gives.
    adapted
        Opens the model with an adapter; None where it is no model in this process.
    """

    folder: Path
    base_model: BaseModel | None
    actions: Sequence[Action] = (Action.CORRUPT,)
    adapted: Adapted | None = None

    def before(self, model: LanguageModel, bits: int | None = None) -> list[LanguageModel]:
        """The model behind each action.

        Parameters
        ----------
        bits
            To which its weights are rounded.

        Raises
        ------
        LanguageModelError
            The bundle has not what an action needs for this model, or the action gives the model no prompt.
        """
        return [self._before(model, action, bits) for action in self.actions]

    @cached_property
    def _bundle(self) -> Bundle:
        return load_bundle(self.folder)

    @cached_property
    def _selects(self) -> Selects:
        return selected_by(self._bundle)

    @cached_property
    def _corruption(self) -> Corruption:
        return corruption_for(self._bundle, self.base_model)

    def _before(self, model: LanguageModel, action: Action, bits: int | None) -> LanguageModel:
        name = f"{model.name} + {self._bundle.name} {self._bundle.version}"
        if action is Action.CORRUPT:
            return GuardedModel(model, self._corruption, self._selects, name)
        if not action.adapts:
            raise LanguageModelError(
                f"nothing is to be measured behind {action}; name an action that changes answers"
            )
        if self.adapted is None:
            raise LanguageModelError(
                f"{action} needs a --model: an adapter is put into a model in this process"
            )
        name = f"{name}, {action}"
        adapted = self.adapted(self._adapter, bits)
        if action.corrupts:
            adapted = GuardedModel(adapted, self._corruption, lambda texts: [True] * len(texts), name)
        return RoutedModel(model, adapted, self._selects, name)

    @property
    def _adapter(self) -> Path:
        made = self.base_model and self._bundle.made_for(self.base_model.embedding_sha256)
        if not made or made.adapter is None:
            raise LanguageModelError(
                f"bundle {self._bundle.name} has no adapter for {self.base_model.id if self.base_model else 'this model'}; "
                "train one with `lethe adapter train`"
            )
        return made.adapter


def opens_adapted(model: str, cache: Path, chat_template: Path | None = None) -> Adapted:
    """What opens a model's folder or hub id with an adapter; see `open_local`."""

    def opened(adapter: Path, bits: int | None) -> LanguageModel:
        # torch takes seconds to import, and few who measure need it.
        from lethe.offline.training.adapted_model import open_adapted
        from lethe.offline.training.peft_folder import read_peft_folder

        folder = local_folder(model, cache)
        return open_adapted(
            folder or model,
            read_peft_folder(adapter),
            f"{model} with {adapter.parent.name}",
            bits,
            chat_template,
        )

    return opened
