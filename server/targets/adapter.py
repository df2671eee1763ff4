"""LoRA adapters as files: read out of bundles, and copied to where engines read them.

An engine reads an adapter again whenever it has dropped it from its memory, so what it reads must not change
while requests are in flight. It is therefore given a copy under a name of its own, never the bundle itself.
"""

import hashlib
import json
import os
import shutil
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lethe.bundle import BundleError, ModelArtifacts

CONFIG_NAME, WEIGHTS_NAME = "adapter_config.json", "adapter_model.safetensors"


@dataclass(frozen=True)
class Adapter:
    """The adapter of one version of a target.

    Attributes
    ----------
    base
        Digest of the embeddings of the base model that it was made for.
    rank
        Greatest rank of its modules.
    folder
        A PEFT folder inside the bundle.
    hashes
        SHA-256 of the two files that engines read, by name.
    """

    target: str
    version: str
    base: str
    rank: int
    folder: Path
    hashes: tuple[tuple[str, str], ...]


def read_adapter(made: ModelArtifacts) -> Adapter:
    """Read what is said of a bundle's adapter for a base model, whose hashes were verified when the bundle was loaded.

    Raises
    ------
    BundleError
        There is none, or it is no plain LoRA of the base model's width.
    """
    bundle, base_model, folder = made.bundle, made.base_model, made.adapter
    names = [base_model.path(f"adapter/{name}") for name in (CONFIG_NAME, WEIGHTS_NAME)]
    missing = [name for name in names if name not in bundle.manifest.files]
    if folder is None or missing:
        raise BundleError(f"bundle {bundle.name}: its adapter needs {', '.join(missing)}")
    config = _read_config(folder / CONFIG_NAME)
    if config.get("peft_type") != "LORA" or config.get("use_dora") or config.get("bias", "none") != "none":
        raise BundleError(
            f"bundle {bundle.name}: {folder / CONFIG_NAME} must describe a plain LoRA (peft_type LORA, no "
            "use_dora, bias none)"
        )
    widths = _input_widths(folder / WEIGHTS_NAME)
    if base_model.hidden_size not in widths:
        raise BundleError(
            f"bundle {bundle.name}: no module of its adapter takes the {base_model.hidden_size} values of "
            f"{base_model.id}'s hidden states; it was made for another model"
        )
    ranks = [config.get("r"), *(config.get("rank_pattern") or {}).values()]
    if not all(isinstance(rank, int) and rank > 0 for rank in ranks):
        raise BundleError(f"bundle {bundle.name}: {folder / CONFIG_NAME} has no positive rank r")
    hashes = tuple((Path(name).name, bundle.manifest.files[name]) for name in names)
    return Adapter(bundle.name, bundle.version, base_model.embedding_sha256, max(ranks), folder, hashes)


class AdapterCopies:
    """Copies of adapters in a folder that engines can read.

    Parameters
    ----------
    folder
        Where copies are made.
    engine_folder
        The same folder as engines see it.
    shared
        Whether other proxies put copies there too; they are then left where they are.
    """

    def __init__(self, folder: Path, engine_folder: Path | None = None, *, shared: bool) -> None:
        self._folder = folder
        self._engine_folder = engine_folder or folder
        self._shared = shared

    def clear(self) -> None:
        """Drop what an earlier run left behind."""
        if not self._shared:
            shutil.rmtree(self._folder, ignore_errors=True)

    def make(self, adapter: Adapter, name: str) -> Path:
        """Copy an adapter as one step and verify the copy; where it lies, as engines see it.

        Raises
        ------
        BundleError
            It cannot be written, or is not what the bundle's manifest says.
        """
        try:
            if not (self._folder / name).is_dir():
                self._copy(adapter, name)
            for file, expected in adapter.hashes:
                if _hash(self._folder / name / file) != expected:
                    raise BundleError(
                        f"the copy of bundle {adapter.target}'s adapter in {self._folder / name} is not what the "
                        "bundle's manifest says; remove it and reload"
                    )
        except OSError as error:
            raise BundleError(
                f"cannot copy the adapter of bundle {adapter.target} to {self._folder}: {error.strerror}"
            ) from None
        return self._engine_folder / name

    def drop(self, name: str) -> None:
        """Remove a copy that no engine reads any longer."""
        if not self._shared:
            shutil.rmtree(self._folder / name, ignore_errors=True)

    def _copy(self, adapter: Adapter, name: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=self._folder))
        try:
            for file, _ in adapter.hashes:
                shutil.copyfile(adapter.folder / file, staging / file)
            # The engine may run as another user.
            staging.chmod(0o755)
            try:
                os.rename(staging, self._folder / name)
            except OSError:
                if not (self._folder / name).is_dir():
                    raise
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_bytes())
    except ValueError as error:
        raise BundleError(f"{path} is not valid JSON: {error}") from None
    if not isinstance(config, dict):
        raise BundleError(f"{path} must hold a JSON object")
    return config


def _input_widths(path: Path) -> set[int]:
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header: dict[str, Any] = json.loads(file.read(min(length, path.stat().st_size)))
        shapes = [entry["shape"] for name, entry in header.items() if ".lora_A." in name]
        return {shape[1] for shape in shapes}
    except (struct.error, ValueError, KeyError, IndexError, TypeError, AttributeError):
        raise BundleError(f"{path} is no safetensors file of LoRA weights") from None


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
