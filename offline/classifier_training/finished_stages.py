"""What the stages of a training came to, kept until it is over, so that an interrupted one goes on with the next stage."""

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.names import GroupedNames, NameWeights
from lethe.classifier.token_bag import BagWeights
from lethe.offline.classifier_training.cross_fitting import GroupedScores, KeptScores
from lethe.offline.classifier_training.example_set import ExampleSet
from lethe.offline.classifier_training.fitting import FittedHead
from lethe.offline.classifier_training.settings import TrainingSettings


class FinishedStages:
    """Outcomes by name, for one choice of examples, settings and encoder."""

    def __init__(
        self, work_folder: Path, settings: TrainingSettings, encoder_sha256: str, examples: ExampleSet
    ) -> None:
        recipe = json.dumps(
            [
                version("lethegate"),
                encoder_sha256,
                settings.model_dump(include=set(TrainingSettings.model_fields)),
                dataclasses.asdict(examples),
            ],
            default=str,
        )
        digest = hashlib.sha256(recipe.encode(errors="surrogatepass")).hexdigest()[:16]
        self._folder = work_folder / "unfinished" / digest

    def head(self, name: str, names: GroupedNames, fit: Callable[[], FittedHead]) -> FittedHead:
        """A fitted head: the one that is kept, or one that is fitted now, with these names."""

        def arrays() -> dict[str, Any]:
            head = fit()
            bag = {
                "bag_features": head.bag.features,
                "bag_weights": head.bag.weights,
                "name_weights": head.names.weights,
            }
            return {key: value for key, value in vars(head).items() if key not in ("bag", "names")} | bag

        kept = self._recall(name, arrays)
        return FittedHead(
            direction=kept["direction"],
            bias=float(kept["bias"]),
            bag=BagWeights(kept["bag_features"], kept["bag_weights"]),
            names=NameWeights(names, kept["name_weights"]),
            gate_direction=kept["gate_direction"],
            gate_bias=float(kept["gate_bias"]),
            pass_below=float(kept["pass_below"]),
            lexical_below=float(kept["lexical_below"]),
        )

    def scores(self, name: str, score: Callable[[], KeptScores]) -> KeptScores:
        """Scores of what is to be kept: those that are kept, or those that are found now."""

        def arrays() -> dict[str, NDArray[Any]]:
            found = score()
            sides = {"retain": found.retain, "general": found.general}
            return {f"{side}-{key}": value for side, of in sides.items() for key, value in vars(of).items()}

        kept = self._recall(name, arrays)
        return KeptScores(
            *(
                GroupedScores(kept[f"{side}-scores"], kept[f"{side}-weights"])
                for side in ("retain", "general")
            )
        )

    def clear(self) -> None:
        """Forget all outcomes: the training is over."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _recall(self, name: str, make: Callable[[], Mapping[str, Any]]) -> Mapping[str, NDArray[Any]]:
        path = self._folder / f"{name}.npz"
        if not path.is_file():
            outcome = make()
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(f".{os.getpid()}.partial")
            with partial.open("wb") as file:
                np.savez(file, **outcome)
            partial.replace(path)
        with np.load(path, allow_pickle=False) as kept:
            return dict(kept)
