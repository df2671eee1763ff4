"""One model that is served: its engines, its names, its tokenizer, and what is known of its weights."""

from collections.abc import Sequence
from dataclasses import dataclass

from lethe.bundle import BaseModel
from lethe.server.engines.adapters import EngineAdapters
from lethe.server.engines.address import EngineAddress
from lethe.server.engines.client import EngineClient
from lethe.server.engines.pool import EnginePool
from lethe.server.engines.process import free_loopback_port, new_engine_key
from lethe.server.engines.tokenizer import ServedTokenizer
from lethe.server.engines.verifier import EngineVerifier
from lethe.server.settings.engines import EngineGroupSettings
from lethe.server.settings.settings import Settings
from lethe.server.targets.adapter import AdapterCopies
from lethe.server.targets.served_model import ServedModel


@dataclass(frozen=True)
class EmbeddedModel:
    """The model that the embedded engine is to serve.

    Attributes
    ----------
    source
        What ``vllm serve`` is given: a folder or a hub id.
    identity
        Its identity, where its weights are at hand.
    """

    source: str
    identity: BaseModel | None


class Served:
    """All that a request may need of the model that it asks.

    Parameters
    ----------
    group
        Its engines, as the settings name them.
    embedded
        What the engine that the proxy starts is to serve; None for running engines.

    Attributes
    ----------
    name
        What the settings call it, also in metrics and the audit log; empty for the only one.
    engines
        Who is asked.
    addresses
        Where they listen.
    copies
        Where they read adapters from; None if nothing is known that proxy and engines both see.
    tokenizer
        How its prompts become tokens.
    verifier
        Puts questions about texts to the model itself.
    identity
        The model, where its weights are at hand.
    """

    def __init__(
        self, name: str, group: EngineGroupSettings, settings: Settings, embedded: EmbeddedModel | None = None
    ) -> None:
        self.name = name
        self._further_names = frozenset(filter(None, (name, *group.aliases)))
        self._group = group
        self._embedded = embedded
        self.addresses = _addresses(group, embedded)
        self.copies = _copies(group, settings, embedded)
        self.engines = EnginePool(
            [_client(address, settings, embedded) for address in self.addresses],
            EngineAdapters(self.copies, self.addresses[0].api_key or ""),
        )
        self.tokenizer = ServedTokenizer(self._tokenizer_source)
        self.verifier = EngineVerifier(self.engines)
        self.identity = ServedModel.of(embedded.identity) if embedded and embedded.identity else None

    @property
    def model(self) -> ServedModel | None:
        """The model that is served; None while it is not known."""
        facts = self.engines.facts
        return self.identity or (facts.model if facts else None)

    @property
    def names(self) -> frozenset[str]:
        """The names under which clients may ask for the model."""
        own = self.engines.model_names
        return own | self._further_names if self._further_names else own

    def engine_name(self, asked: str | None) -> str | None:
        """What engines are to be asked for in the place of a name; None where they know the name, or none is given."""
        facts = self.engines.facts
        return facts.name if asked and facts and asked not in facts.names else None

    def _tokenizer_source(self) -> str | None:
        if self._group.tokenizer:
            return self._group.tokenizer
        if self._embedded is not None:
            return self._embedded.source
        return next(iter(self.engines.facts.roots), None) if self.engines.facts else None


def _client(address: EngineAddress, settings: Settings, embedded: EmbeddedModel | None) -> EngineClient:
    return EngineClient(
        address.url,
        address.api_key,
        connect_timeout_s=settings.engine.connect_timeout_s,
        read_timeout_s=settings.engine.read_timeout_s,
        total_timeout_s=settings.engine.total_timeout_s,
        label="embedded" if embedded is not None else None,
    )


def _addresses(group: EngineGroupSettings, embedded: EmbeddedModel | None) -> Sequence[EngineAddress]:
    if embedded is not None:
        return (EngineAddress(f"http://127.0.0.1:{free_loopback_port()}", new_engine_key()),)
    key = group.api_key.get_secret_value() if group.api_key else None
    return tuple(EngineAddress(str(url), key) for url in group.url)


def _copies(
    group: EngineGroupSettings, settings: Settings, embedded: EmbeddedModel | None
) -> AdapterCopies | None:
    adapters = group.adapters
    if embedded is not None:
        return AdapterCopies(settings.cache_dir / "run" / f"adapters-of-{settings.port}", shared=False)
    return AdapterCopies(adapters.folder, adapters.engine_folder, shared=True) if adapters.folder else None
