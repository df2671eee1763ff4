"""A corruption in words, read from a bundle or a file and checked against a model. Needs no tensor library."""

import math
from pathlib import Path

from lethe.bundle import load_bundle, read_base_model
from lethe.corruption.artifact import Corruption, CorruptionError, load_corruption
from lethe.corruption.functions import FUNCTIONS


def read_artifact(path: Path, model_folder: Path | None = None) -> Corruption:
    """Read the corruption of a bundle, whose hashes are verified, or of a file alone.

    Parameters
    ----------
    path
        The bundle's folder, or a ``corruption.safetensors``.
    model_folder
        If given, the model that the corruption must fit: the bundle's own base model, or for a file any whose
        embeddings are wide enough.

    Raises
    ------
    CorruptionError
        There is no corruption, it cannot be read, or it is for another model.
    bundle.BundleError
        The bundle or the model folder cannot be read.
    """
    file, made_for = path, None
    if path.is_dir():
        bundle = load_bundle(path)
        if bundle.corruption is None:
            raise CorruptionError(
                f"bundle {bundle.name} has no corruption; make one with `lethe corruption learn`"
            )
        file, made_for = bundle.corruption, bundle.manifest.base_model
    if model_folder is None:
        return load_corruption(file, made_for.hidden_size if made_for else None)
    model = read_base_model(model_folder, model_folder.name)
    if made_for is not None and made_for.embedding_sha256 != model.embedding_sha256:
        raise CorruptionError(
            f"{path} was made for {made_for.id}; the embeddings in {model_folder} are another model's"
        )
    return load_corruption(file, model.hidden_size)


def describe_artifact(path: Path, model_folder: Path | None = None) -> list[str]:
    """Describe what `read_artifact` reads, one line a fact; raises what that raises."""
    corruption = read_artifact(path, model_folder)
    facts: list[tuple[str, str]] = []
    if path.is_dir():
        bundle = load_bundle(path)
        made_for = bundle.manifest.base_model
        facts += [("bundle", f"{bundle.name} {bundle.version}, hashes verified")]
        facts += [
            (
                "base model",
                f"{made_for.id}, embeddings {made_for.embedding_sha256[:12]}" if made_for else "any",
            )
        ]
    if model_folder is not None:
        facts.append(("fits", str(model_folder)))
    function = FUNCTIONS[corruption.function]
    facts += [
        ("function", corruption.function),
        ("strength", f"{corruption.strength:g}" if function.takes_strength else "none taken"),
        ("dims", str(corruption.dims)),
        ("positions", corruption.positions),
        ("seed", str(corruption.seed)),
    ]
    if corruption.vector is not None:
        length = math.sqrt(sum(value * value for value in corruption.vector))
        facts.append(("vector", f"{len(corruption.vector)} values, length {length:.4g}"))
    width = max(len(name) for name, _ in facts)
    return [f"{name:<{width}}  {value}" for name, value in facts]
