"""A corruption in words, read from a bundle or a file and checked against a model. Needs no tensor library."""

import math
from collections.abc import Iterator
from pathlib import Path

from lethe.bundle import Bundle, ModelArtifacts, load_bundle, read_base_model
from lethe.corruption.artifact import Corruption, CorruptionError, load_corruption
from lethe.corruption.functions import FUNCTIONS


def read_artifact(path: Path, model_folder: Path | None = None) -> Corruption:
    """Read the corruption of a bundle, whose hashes are verified, or of a file alone.

    Parameters
    ----------
    path
        The bundle's folder, or a ``corruption.safetensors``.
    model_folder
        The model that the corruption must fit: one of the bundle's own base models, or for a file any whose embeddings
        are wide enough. Without it the bundle must have a corruption for one model alone.

    Raises
    ------
    CorruptionError
        There is no corruption, it cannot be read, or there is none for this model.
    bundle.BundleError
        The bundle or the model folder cannot be read.
    """
    if not path.is_dir():
        width = read_base_model(model_folder, model_folder.name).hidden_size if model_folder else None
        return load_corruption(path, width)
    found = _of_model(load_bundle(path), model_folder)
    if len(found) > 1:
        models = ", ".join(made.base_model.id for made in found)
        raise CorruptionError(f"{path} has corruptions for {models}; name the folder of one of them")
    return _read(found[0])


def describe_artifact(path: Path, model_folder: Path | None = None) -> list[str]:
    """Describe a corruption, or each of those of a bundle, one line a fact; raises what `read_artifact` raises."""
    if not path.is_dir():
        return _lines([*_fits(model_folder), *_facts(read_artifact(path, model_folder))])
    bundle = load_bundle(path)
    facts = [("bundle", f"{bundle.name} {bundle.version}, hashes verified")]
    for made in _of_model(bundle, model_folder):
        base = made.base_model
        facts.append(("base model", f"{base.id}, embeddings {base.embedding_sha256[:12]}"))
        facts += [*_fits(model_folder), *_facts(_read(made))]
    return _lines(facts)


def _of_model(bundle: Bundle, model_folder: Path | None) -> list[ModelArtifacts]:
    """What a bundle has with a corruption, for one model or for all; at least one."""
    found = [each for each in bundle.models if each.corruption]
    if not found:
        raise CorruptionError(
            f"bundle {bundle.name} has no corruption; make one with `lethe corruption learn`"
        )
    if model_folder is None:
        return found
    model = read_base_model(model_folder, model_folder.name)
    fitting = [each for each in found if each.base_model.embedding_sha256 == model.embedding_sha256]
    if not fitting:
        models = ", ".join(made.base_model.id for made in found)
        raise CorruptionError(
            f"{bundle.folder} was made for {models}; the embeddings in {model_folder} are another model's"
        )
    return fitting


def _read(made: ModelArtifacts) -> Corruption:
    assert made.corruption is not None
    return load_corruption(made.corruption, made.base_model.hidden_size)


def _fits(model_folder: Path | None) -> Iterator[tuple[str, str]]:
    if model_folder is not None:
        yield "fits", str(model_folder)


def _facts(corruption: Corruption) -> Iterator[tuple[str, str]]:
    function = FUNCTIONS[corruption.function]
    yield "function", corruption.function
    yield "strength", f"{corruption.strength:g}" if function.takes_strength else "none taken"
    yield "dims", str(corruption.dims)
    yield "positions", corruption.positions
    yield "seed", str(corruption.seed)
    if corruption.vector is not None:
        length = math.sqrt(sum(value * value for value in corruption.vector))
        yield "vector", f"{len(corruption.vector)} values, length {length:.4g}"


def _lines(facts: list[tuple[str, str]]) -> list[str]:
    width = max(len(name) for name, _ in facts)
    return [f"{name:<{width}}  {value}" for name, value in facts]
