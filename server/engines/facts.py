"""What an engine says of itself: its names, its adapters and the plugin that it runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lethe.server.engines.plugin import EnginePlugin, read_plugin
from lethe.server.targets.served_model import ServedModel


@dataclass(frozen=True)
class EngineFacts:
    """What an engine says of itself.

    Attributes
    ----------
    name
        The base model's name by which it answers, whichever of `names` it was asked for.
    names
        Names of the base model; adapters are left out.
    roots
        The hub ids or folders that it was loaded from.
    adapters
        Names of the adapters that are loaded.
    plugin
        Lethe's plugin that it runs; None without one.
    cards
        What it says of the base model, once for each of `names`.
    embedding_sha256
        Digest of the base model's embeddings, where the engine runs on this machine and so its weights are at hand.
    """

    name: str
    names: frozenset[str]
    roots: frozenset[str]
    adapters: frozenset[str]
    plugin: EnginePlugin | None
    cards: tuple[Mapping[str, Any], ...]
    embedding_sha256: str | None = None

    @cached_property
    def model(self) -> ServedModel:
        """The base model."""
        called = min(self.roots, default=self.name)
        return ServedModel(called, self.names | self.roots, self.embedding_sha256)

    def is_alike(self, other: "EngineFacts") -> bool:
        """Whether an engine of these facts may be that of others, by its names and its plugin."""
        return (self.name, self.names, self.roots, self.plugin) == (
            other.name,
            other.names,
            other.roots,
            other.plugin,
        )


def read_facts(models: Mapping[str, Any], metrics: str) -> EngineFacts:
    """What an engine's list of models and its page of metrics say.

    Parameters
    ----------
    metrics
        Of an engine without the page, which some routers hide, whatever came instead: then no plugin is known.

    Raises
    ------
    AttributeError, LookupError, TypeError
        The list is none of vLLM's.
    """
    base = tuple(model for model in models["data"] if not model.get("parent"))
    names = [str(model["id"]) for model in base]
    adapters = frozenset(str(model["id"]) for model in models["data"] if model.get("parent"))
    roots = frozenset(str(model.get("root") or model["id"]) for model in base)
    return EngineFacts(names[0], frozenset(names), roots, adapters, read_plugin(metrics), base)
