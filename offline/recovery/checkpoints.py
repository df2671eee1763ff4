"""The weights of a chain's checkpoints, read from their files when they are asked for."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from lethe.offline.recovery.chain import ChainFile
from lethe.offline.recovery.errors import RecoveryError
from lethe.offline.recovery.parameters import Layout
from lethe.offline.training.peft_folder import CONFIG, LowRankAdapter, read_peft_folder


class Checkpoints:
    """Vectors of a chain's parameters: of all of them for full checkpoints, of the adapted ones for adapters.

    Raises
    ------
    AdapterError
        An adapter is not plain LoRA.
    RecoveryError
        A folder is no model, the chain mixes the two, or shapes differ along it.
    """

    def __init__(self, chain: ChainFile) -> None:
        self._stacked = chain.adapters == "stacked"
        self._base = WeightFiles(chain.base)
        folders = [stage.checkpoint for stage in chain.stages]
        adapted = [(folder / CONFIG).is_file() for folder in folders]
        if any(adapted) and not all(adapted):
            odd = folders[adapted.index(False)]
            raise RecoveryError(
                f"a chain is of adapters or of full checkpoints, not both: {odd} is no adapter"
            )
        self._adapters: list[LowRankAdapter] = []
        self._full: list[WeightFiles] = []
        if all(adapted):
            self._adapters = [read_peft_folder(folder) for folder in folders]
            self.layout = self._adapted_layout(folders)
        else:
            self._full = [WeightFiles(folder) for folder in folders]
            self.layout = Layout(self._base.shapes)
            for files in self._full:
                self._refuse_other_shapes(files)

    def vector(self, number: int) -> Tensor:
        """Parameters after stage `number`, of the base for 0; shape (N,), float32."""
        if number and self._full:
            return self._full[number - 1].vector(self.layout)
        vector = self._base.vector(self.layout)
        if number:
            for adapter in self._adapters[0 if self._stacked else number - 1 : number]:
                for name, where in self.layout.slices():
                    pair = adapter.pairs.get(name.removesuffix(".weight"))
                    if pair is not None:
                        vector[where] += (pair.up.float() @ pair.down.float()).flatten()
        return vector

    def _adapted_layout(self, folders: list[Path]) -> Layout:
        shapes: dict[str, tuple[int, ...]] = {}
        for folder, adapter in zip(folders, self._adapters, strict=True):
            for layer, pair in adapter.pairs.items():
                name, shape = f"{layer}.weight", (pair.up.shape[0], pair.down.shape[1])
                expected = self._base.shapes.get(name)
                if expected is None:
                    raise RecoveryError(
                        f"{folder} adapts {layer}, which the base {self._base.folder} does not have"
                    )
                if expected != shape:
                    raise RecoveryError(
                        f"{folder}: the product for {layer} is {_shape(shape)}, the base's weight "
                        f"{_shape(expected)}; the adapter was made for another model"
                    )
                shapes[name] = shape
        return Layout(shapes)

    def _refuse_other_shapes(self, files: "WeightFiles") -> None:
        expected, found = self._base.shapes, files.shapes
        for name in sorted(expected.keys() ^ found.keys()):
            holder, other = (self._base, files) if name in expected else (files, self._base)
            raise RecoveryError(f"{holder.folder} has a weight {name} that {other.folder} lacks")
        for name, shape in expected.items():
            if found[name] != shape:
                raise RecoveryError(
                    f"{name} is {_shape(shape)} in {self._base.folder} and {_shape(found[name])} in "
                    f"{files.folder}; a chain's checkpoints have the same shapes"
                )


class WeightFiles:
    """The tensors of one model folder, by name.

    Raises
    ------
    RecoveryError
        The folder is no model folder with safetensors weights.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder / "config.json").is_file():
            raise RecoveryError(f"{folder} is no model folder: it has no config.json")
        self._files: dict[str, Path] = {}
        self.shapes: Mapping[str, tuple[int, ...]] = {}
        shapes: dict[str, tuple[int, ...]] = {}
        for path in sorted(folder.glob("*.safetensors")):
            with _opened(path) as file:
                for name in file.keys():  # noqa: SIM118
                    shapes[name] = tuple(file.get_slice(name).get_shape())
                    self._files[name] = path
        if not shapes:
            raise RecoveryError(f"{folder} holds no safetensors weights")
        tied = json.loads((folder / "config.json").read_text()).get("tie_word_embeddings")
        if tied:
            shapes.pop("lm_head.weight", None)
        self.shapes = shapes

    def vector(self, layout: Layout) -> Tensor:
        """The layout's parameters as one vector, float32."""
        return layout.join([self._tensor(name) for name in layout.shapes])

    def _tensor(self, name: str) -> Tensor:
        with _opened(self._files[name]) as file:
            return file.get_tensor(name)


def _opened(path: Path) -> Any:
    try:
        return safe_open(path, framework="pt")
    except (OSError, SafetensorError) as error:
        raise RecoveryError(f"{path} cannot be read: {error}") from None


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
