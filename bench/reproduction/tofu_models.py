"""The models that a TOFU reproduction compares, each trained once into the cache.

`full` has learned everything; `retain-FORGET` the same without the forget part, so it is what perfect unlearning would
give; the baselines start from `full` and see the forget part alone.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

from bench.reproduction.alter import AlterRecipe
from lethe.offline.adapter_training.settings import AdapterTrainingSettings
from lethe.offline.data.questions import ForgetQuestion
from lethe.offline.evaluation.tofu_data import load_tofu
from lethe.offline.training.fine_tuning import FineTuningSettings, train

Part = Literal["corruption", "served", "baselines", "adapter"]
PARTS: tuple[Part, ...] = get_args(Part)
"""What a comparison on a forget set consists of."""


def _baselines() -> dict[str, FineTuningSettings]:
    return {
        "gradient-ascent": FineTuningSettings("gradient_ascent", epochs=5, learning_rate=5e-5),
        "npo": FineTuningSettings("negative_preference", epochs=6, learning_rate=1e-4),
        "npo-lora": FineTuningSettings("negative_preference", epochs=6, learning_rate=1e-3, adapter_rank=16),
    }


def _alter() -> dict[str, AlterRecipe]:
    settings = AdapterTrainingSettings(npo_beta=0.03, learning_rate=3e-3, invariance_weight=0.3)
    # Unlearning goes on with every step and has no end of its own, so more questions get fewer epochs.
    return {
        "forget01": AlterRecipe(settings.model_copy(update={"epochs": 20, "learning_rate": 2e-3})),
        "forget05": AlterRecipe(settings.model_copy(update={"epochs": 5})),
        "forget10": AlterRecipe(settings.model_copy(update={"epochs": 3})),
    }


def _candidates() -> dict[str, dict[str, AlterRecipe]]:
    common = AdapterTrainingSettings(learning_rate=3e-3, invariance_weight=0.3, batch_size=16)
    preference = {"forgetting": "npo"}
    distilled = {"forgetting": "self_distillation", "forgetting_weight": 2.0}
    corrupted = {"forgetting": "corruption"}
    earlier = {"forgetting": "earlier_model"}
    slower = {"learning_rate": 2e-3}

    def candidates(epochs: int, with_wordings: int) -> dict[str, AlterRecipe]:
        plain, worded = {"epochs": epochs}, {"epochs": with_wordings}
        return {
            "npo": AlterRecipe(common.model_copy(update=preference | plain | {"npo_beta": 0.03})),
            "npo-own-wordings": AlterRecipe(common.model_copy(update=preference | worded | slower), 2),
            "margin": AlterRecipe(common.model_copy(update=distilled | plain)),
            "margin-own-wordings": AlterRecipe(common.model_copy(update=distilled | worded | slower), 2),
            "corruption": AlterRecipe(common.model_copy(update=corrupted | plain)),
            "corruption-own-wordings": AlterRecipe(common.model_copy(update=corrupted | worded | slower), 2),
            "earlier": AlterRecipe(common.model_copy(update=earlier | plain)),
        }

    # For a processor: a quarter of the texts, in as many steps.
    fewer = {"epochs": 2, "batch_size": 4}
    short = {
        "corruption-short": AlterRecipe(common.model_copy(update=corrupted | fewer)),
        "margin-short": AlterRecipe(common.model_copy(update=distilled | fewer)),
    }
    # All texts once, over an A as it is drawn.
    once = {"epochs": 1, "batch_size": 4, "shared_epochs": 0}
    shorter = {"earlier-short": AlterRecipe(common.model_copy(update=earlier | once))}
    return {"forget05": candidates(8, 5) | short, "forget10": candidates(6, 4) | shorter}


def _experts() -> AdapterTrainingSettings:
    # The proxy asks an expert what is flagged and nothing else, so little has to be kept by the experts themselves.
    return AdapterTrainingSettings(
        npo_beta=0.03,
        epochs=6,
        learning_rate=3e-3,
        retention_weight=0.3,
        divergence_weight=0.3,
        invariance_weight=0.3,
    )


@dataclass(frozen=True)
class TofuRecipe:
    """How much of TOFU is trained on, and how.

    Attributes
    ----------
    forget_sets
        Sets to forget, each inside the next: ``forget01`` is the end of ``forget05``, and that of ``forget10``.
    retain_questions
        How many questions of the retain part are learned; None is all of it, 3,600 to 3,960.
    searched_questions
        How many forget questions the corruption is searched on.
    utility_questions
        How many questions of each utility set are measured; None is all.
    answer_tokens
        Length of the generated answers.
    baselines
        By name: each starts from the model that knows everything and sees the forget set alone.
    alter
        By forget set, of the adapter that is set beside them where none was tuned.
    alter_candidates
        By forget set and name, what tuning compares.
    experts
        Of adapters for requests that come one after another.
    ordinary_questions
        How many ordinary questions `alter` is to answer as before, beside the retain part.
    """

    forget_sets: tuple[str, ...] = ("forget01", "forget05")
    retain_questions: int | None = 40
    searched_questions: int = 40
    utility_questions: int | None = 12
    answer_tokens: int = 48
    fine_tuning: FineTuningSettings = field(default_factory=FineTuningSettings)
    baselines: Mapping[str, FineTuningSettings] = field(default_factory=_baselines)
    alter: Mapping[str, AlterRecipe] = field(default_factory=_alter)
    alter_candidates: Mapping[str, Mapping[str, AlterRecipe]] = field(default_factory=_candidates)
    experts: AdapterTrainingSettings = field(default_factory=_experts)
    ordinary_questions: int = 80

    @classmethod
    def whole(cls) -> "TofuRecipe":
        """All of TOFU, for a machine with a GPU."""
        return cls(
            forget_sets=("forget01", "forget05", "forget10"),
            retain_questions=None,
            searched_questions=100,
            utility_questions=None,
            fine_tuning=FineTuningSettings(epochs=5, batch_size=32),
        )

    def learned_in(self, epochs: int) -> "TofuRecipe":
        """The same, with models that learn in so many epochs."""
        return replace(self, fine_tuning=replace(self.fine_tuning, epochs=epochs))

    @property
    def digest(self) -> str:
        """Short digest of what the models learn and how: recipes that differ there share nothing."""
        return _digest([self.forget_sets, self.retain_questions, asdict(self.fine_tuning)])


def train_tofu_model(
    name: str,
    recipe: TofuRecipe,
    base: Path,
    data: Path | None,
    folder: Path,
    on_epoch: Callable[[int, float], None] = lambda _epoch, _loss: None,
) -> Path:
    """Train one of the models, and what it starts from, unless it is there.

    Parameters
    ----------
    name
        ``full``, ``retain-FORGET``, or ``BASELINE-FORGET`` with a name of the recipe's baselines.
    base
        Folder of the base model.
    data
        Benchmark data; None takes them from the hub.
    folder
        Where the trained models are kept.
    on_epoch
        See `training.train`.
    """
    questions = {forget: load_tofu(forget, data) for forget in recipe.forget_sets}
    largest = questions[recipe.forget_sets[-1]]
    retained = retain_part(recipe, data)
    if name == "full":
        return train(base, [*retained, *largest], recipe.fine_tuning, folder / name, on_epoch)
    kind, forget = name.rsplit("-", 1)
    if kind == "retain":
        forgotten = {question.question for question in questions[forget]}
        kept = [question for question in largest if question.question not in forgotten]
        return train(base, [*retained, *kept], recipe.fine_tuning, folder / name, on_epoch)
    full = train_tofu_model("full", recipe, base, data, folder, on_epoch)
    settings = recipe.baselines[kind]
    destination = folder / f"{name}-{_digest(asdict(settings))}"
    return train(full, questions[forget], settings, destination, on_epoch)


def retain_part(recipe: TofuRecipe, data: Path | None) -> Sequence[ForgetQuestion]:
    """The retain questions that are learned: all, or the first of those that TOFU evaluates on."""
    if recipe.retain_questions is None:
        sizes = {"forget01": "retain99", "forget05": "retain95", "forget10": "retain90"}
        return load_tofu(sizes[recipe.forget_sets[-1]], data)
    return load_tofu("retain", data)[: recipe.retain_questions]


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:8]
