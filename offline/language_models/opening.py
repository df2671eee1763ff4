"""From what an operator names to a model: a folder, a hub id, or the address of a server."""

import asyncio
from pathlib import Path

from lethe.bundle import BaseModel, BundleError, read_base_model
from lethe.models.locate import downloaded_folder, local_folder
from lethe.offline.language_models.engine import EngineModel
from lethe.offline.language_models.http import served_models
from lethe.offline.language_models.interface import LanguageModel, LanguageModelError
from lethe.offline.language_models.proxy import ProxyModel


def open_local(
    model: str,
    cache: Path,
    *,
    name: str | None = None,
    bits: int | None = None,
    chat_template: Path | None = None,
) -> LanguageModel:
    """Load a model in this process; the small one comes out of its package.

    Parameters
    ----------
    bits, chat_template
        See `LocalModel.from_pretrained`.

    Raises
    ------
    LanguageModelError, ModelNotFound
        It cannot be loaded, or there is none.
    """
    from lethe.offline.language_models.local import (
        LocalModel,
    )  # torch takes seconds to import, and an engine needs none

    folder = local_folder(model, cache)
    return LocalModel.from_pretrained(
        str(folder or model), name=name or model, bits=bits, chat_template=chat_template
    )


def open_engine(
    url: str,
    *,
    served_name: str | None = None,
    tokenizer: str | None = None,
    api_key: str | None = None,
    chat_template: Path | None = None,
) -> EngineModel:
    """Connect to an engine and make sure that it carries out corruptions.

    Parameters as of `EngineModel.connect`.

    Raises
    ------
    LanguageModelError
        There is no engine, or it lacks the plugin.
    """
    engine = EngineModel.connect(
        url, served_name=served_name, tokenizer=tokenizer, api_key=api_key, chat_template=chat_template
    )
    engine.require_plugin()
    return engine


def served_model(url: str, api_key: str | None = None) -> str:
    """The first model that an engine serves.

    Raises
    ------
    LanguageModelError
        There is no engine, it refuses the key, or serves nothing.
    """
    models = asyncio.run(served_models(url.rstrip("/").removesuffix("/v1"), api_key))
    if not models:
        raise LanguageModelError(f"{url} serves no model")
    return next(iter(models))


def open_proxy(
    url: str,
    *,
    served_name: str | None = None,
    api_key: str | None = None,
    scorer: LanguageModel | None = None,
) -> ProxyModel:
    """Connect to a running proxy; `scorer` scores given answers in its place.

    Raises
    ------
    LanguageModelError
        There is none.
    """
    return ProxyModel.connect(url, served_name=served_name, api_key=api_key, scorer=scorer)


def base_model_of(model: str, cache: Path, name: str | None = None) -> BaseModel | None:
    """The identity of a base model, where its weights lie on this machine.

    Parameters
    ----------
    model
        A folder or hub id; for an engine, what it says it loaded.
    name
        What it is called elsewhere; the same by default.

    Raises
    ------
    LanguageModelError, ModelNotFound
        The folder holds no usable model, or there is none.
    """
    folder = weights_folder(model, cache)
    if folder is None:
        return None
    try:
        return read_base_model(folder, name or model)
    except BundleError as error:
        raise LanguageModelError(str(error)) from None


def weights_folder(model: str, cache: Path) -> Path | None:
    """The folder of a model's weights, where they lie on this machine.

    Parameters
    ----------
    model
        A folder or hub id.

    Raises
    ------
    ModelNotFound
        There is no such folder.
    """
    folder = local_folder(model, cache)
    if folder is None:
        # Of a hub's model there may be no more here than its tokenizer.
        folder = downloaded_folder(model)
        if folder is None or not any(folder.glob("*.safetensors")):
            return None
    return folder


def identified(model: LanguageModel, cache: Path) -> BaseModel | None:
    """The identity of an opened model that is to be corrupted, where its weights lie on this machine.

    Raises
    ------
    LanguageModelError
        It is an engine without the plugin.
    """
    if isinstance(model, EngineModel):
        model.require_plugin()
        return base_model_of(model.loaded_from, cache, model.base_model_name)
    return base_model_of(model.name, cache)
