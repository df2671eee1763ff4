"""Settings of the engines."""

from pathlib import Path
from typing import Annotated, Literal

import pydantic
from pydantic import Field
from pydantic_settings import NoDecode

from lethe.server.settings.section import COMMAS, SHELL_WORDS, Section, UserPath


class EngineAdapterSettings(Section):
    """How engines are given the adapters of targets; see docs/adapters.md.

    Attributes
    ----------
    slots
        How many adapters the engine that the proxy starts can apply in one batch. By default one more than are in
        force at the start; none if there are none.
    max_rank
        Greatest rank of an adapter there; by default the greatest at the start.
    folder
        Where copies of the adapters are put for running engines: a folder that their hosts share.
    engine_folder
        The same folder as the engines see it, if by another path.
    """

    slots: int | None = Field(default=None, ge=1, examples=[4])
    max_rank: Literal[1, 8, 16, 32, 64, 128, 256, 320, 512] | None = Field(default=None, examples=[16])
    folder: UserPath | None = Field(default=None, examples=["/shared/adapters"])
    engine_folder: Path | None = Field(default=None, examples=["/adapters"])


def _without_more(url: pydantic.AnyHttpUrl) -> pydantic.AnyHttpUrl:
    if url.username or url.password:
        # It would stand in metrics and in the log.
        raise ValueError("must have no user and no password; an engine's key is engine.api_key")
    if url.query is not None or url.fragment is not None:
        raise ValueError("must end with its path, without ? or #")
    return url


EngineUrl = Annotated[pydantic.AnyHttpUrl, pydantic.AfterValidator(_without_more)]
Addresses = Annotated[tuple[EngineUrl, ...], COMMAS, NoDecode]
Arguments = Annotated[tuple[str, ...], SHELL_WORDS, NoDecode]
# As it stands in a label of metrics, in keys and in addresses.
ModelName = Annotated[str, Field(pattern=r"^[\w.:/@+-]+$")]
Names = Annotated[tuple[ModelName, ...], COMMAS, NoDecode]


class EngineGroupSettings(Section):
    """The engines that serve one model.

    Attributes
    ----------
    url
        Base URL of a running vLLM with Lethe's plugin, or of several that serve the same model. Without one the
        proxy starts an engine of its own on loopback.
    api_key
        Key that running engines ask for.
    aliases
        Further names by which clients may ask for the model; engines are asked by their own.
    tokenizer
        Folder or hub id of the model's tokenizer and chat template, for corruptions that fall on chosen tokens;
        by default the model's own.
    """

    url: Addresses = Field(default=(), examples=["http://engine:8000"])
    api_key: pydantic.SecretStr | None = Field(default=None, examples=["secret"])
    aliases: Names = Field(default=(), examples=[("fast",)])
    tokenizer: str | None = Field(default=None, min_length=1, examples=["org/name"])
    adapters: EngineAdapterSettings = EngineAdapterSettings()


class EngineSettings(EngineGroupSettings):
    """The engines behind the proxy where they serve one model; what all engines have in common, where several are served.

    Attributes
    ----------
    model
        Hub id or folder of the model for the engine that the proxy starts.
    served_model_name
        Name that clients use for the model; the model's id if not given.
    args
        Further arguments for vLLM's server.
    startup_timeout_s, connect_timeout_s, read_timeout_s, total_timeout_s
        How long to wait for the engine to load, to accept a connection, to send the next bytes, and to finish.
    health_interval_s
        How long to wait between two looks at a running engine's health.
    """

    model: str = Field(default="HuggingFaceTB/SmolLM2-135M-Instruct", min_length=1)
    served_model_name: str | None = Field(default=None, min_length=1, examples=["my-model"])
    args: Arguments = Field(default=(), examples=[("--max-model-len", "8192")])
    startup_timeout_s: float = Field(default=1800, gt=0)
    connect_timeout_s: float = Field(default=5, gt=0)
    read_timeout_s: float = Field(default=600, gt=0)
    total_timeout_s: float = Field(default=3600, gt=0)
    health_interval_s: float = Field(default=2, gt=0)


# What of the section `engine` speaks of one model.
OF_ONE_MODEL = ("url", "aliases", "tokenizer", "adapters", "model", "served_model_name", "args")
