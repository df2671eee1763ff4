"""A model behind a bundle's classifier and what the bundle does to flagged prompts, as the proxy does it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lethe.bundle import Action, BaseModel, Bundle, load_bundle
from lethe.models.locate import local_folder
from lethe.offline.language_models.guarded import GuardedModel, guard_with_bundle, selected_by
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

    def corrupting(self, model: LanguageModel) -> GuardedModel:
        """The model behind the classifier and the corruption; raises as `before` does."""
        return guard_with_bundle(model, self.folder, self.base_model)

    def _before(self, model: LanguageModel, action: Action, bits: int | None) -> LanguageModel:
        if action is Action.CORRUPT:
            return self.corrupting(model)
        if not action.adapts:
            raise LanguageModelError(
                f"nothing is to be measured behind {action}; name an action that changes answers"
            )
        if self.adapted is None:
            raise LanguageModelError(
                f"{action} needs a --model: an adapter is put into a model in this process"
            )
        bundle = load_bundle(self.folder)
        adapted = self.adapted(self._adapter(bundle), bits)
        name = f"{model.name} + {bundle.name} {bundle.version}, {action}"
        if action.corrupts:
            corruption = self.corrupting(adapted).corruption
            adapted = GuardedModel(adapted, corruption, lambda texts: [True] * len(texts), name)
        return RoutedModel(model, adapted, selected_by(bundle), name)

    def _adapter(self, bundle: Bundle) -> Path:
        made = self.base_model and bundle.made_for(self.base_model.embedding_sha256)
        if not made or made.adapter is None:
            raise LanguageModelError(
                f"bundle {bundle.name} has no adapter for {self.base_model.id if self.base_model else 'this model'}; "
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
