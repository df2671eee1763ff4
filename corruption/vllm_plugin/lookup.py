"""Where in a loaded model token ids become what its first layer reads."""

import inspect
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from torch import nn
from transformers import PreTrainedModel
from vllm.lora.layers import VocabParallelEmbeddingWithLoRA
from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead, VocabParallelEmbedding
from vllm.model_executor.models.interfaces import requires_raw_input_tokens

from lethe.corruption.vllm_plugin.compatibility import EngineRefusal

_METHOD = "embed_input_ids"
_TOKEN_IDS = "input_ids"
# Whether a model gathers rows of its table and normalizes them in one kernel, past the method.
_FUSED = "replicated_embed"
# Scale embeddings in the method that transformers' models scale behind it: what was learned there means something else here.
_SCALED_EARLIER = {"HrmTextModel"}


class Lookup(NamedTuple):
    """A method of a module through which every token id enters a model, and how wide the embeddings are that it gives."""

    owner: nn.Module
    method: str
    width: int


class _Owner(NamedTuple):
    """A module that holds a table, and the attribute that it has it by."""

    module: nn.Module
    attribute: str

    def looks_up(self, methods: Sequence[str] = (_METHOD, "forward")) -> bool:
        """Whether its own code names the table, rather than hands it or the question on."""
        found = (getattr(type(self.module), name, None) for name in methods)
        return any(self.attribute in method.__code__.co_names for method in found if method is not None)

    def looks_up_plainly(self) -> bool:
        """Whether its method, if it has one, does nothing else, such as to scale what it gives."""
        method = getattr(type(self.module), _METHOD, None)
        return method is None or set(method.__code__.co_names) == {self.attribute}


def find_lookup(model: nn.Module) -> Lookup:
    """Give the method that turns token ids into what the first layer reads.

    vLLM's own models have ``embed_input_ids`` for it; one that can also look up past it is told not to. Where the forward pass does
    not call it, tokens enter by the table itself. A model that vLLM runs by transformers' code calls the module that it has for its
    input embeddings.

    Raises
    ------
    EngineRefusal
        There is none, or tokens enter the model in other ways too.
    """
    name = type(model).__name__
    owners: dict[VocabParallelEmbedding, list[_Owner]] = defaultdict(list)
    for owner in model.modules():
        for attribute, table in _token_tables(owner):
            owners[table].append(_Owner(owner, attribute))
    several = EngineRefusal(
        f"tokens enter {name} by more ways than one embedding; corruption would not reach them all"
    )
    if not owners:
        raise EngineRefusal(f"{name} has no embedding that is known; corruption would not reach its tokens")
    if len(owners) != 1 or requires_raw_input_tokens(model):
        raise several
    ((table, holding),) = owners.items()
    if (embeddings := _transformers_embeddings(model, table)) is not None:
        if _holds(embeddings, table):
            return Lookup(embeddings, "forward", table.embedding_dim)
    elif (owner := _looking_up(holding)) is not None:
        if any(_demands_token_ids(each) for each in owner.module.modules() if each is not owner.module):
            raise several
        if _embeds_by_method(type(owner.module)):
            if owner.looks_up(("forward",)):
                if not hasattr(owner.module, _FUSED):
                    raise several
                setattr(owner.module, _FUSED, False)
            if type(owner.module).__name__ in _SCALED_EARLIER:
                raise EngineRefusal(
                    f"{name} scales its embeddings before corruption, and the model that corruptions are learned on after it"
                )
            return Lookup(owner.module, _METHOD, table.embedding_dim)
        if owner.looks_up_plainly():
            # However its code asks, it asks the table, or the adapters around it.
            return Lookup(getattr(owner.module, owner.attribute), "forward", table.embedding_dim)
    raise EngineRefusal(f"{name} looks its tokens up in no one place; corruption would not reach them")


def _looking_up(holding: Sequence["_Owner"]) -> _Owner | None:
    """Of the modules that hold the table, the one that looks tokens up in it; None if it is not one alone."""
    looking = [each for each in holding if each.looks_up()] if len(holding) > 1 else holding
    return looking[0] if len(looking) == 1 else None


def _demands_token_ids(module: nn.Module) -> bool:
    """Whether it is called with the tokens themselves, as layers that choose their experts by them are."""
    parameter = inspect.signature(type(module).forward).parameters.get(_TOKEN_IDS)
    return parameter is not None and parameter.default is parameter.empty


def _transformers_embeddings(model: nn.Module, table: nn.Module) -> nn.Module | None:
    """The input embeddings of a model that runs by transformers' code; None for vLLM's own."""
    for module in model.modules():
        # vLLM's own models may see and hear by transformers' code; such a tower embeds no tokens.
        if isinstance(module, PreTrainedModel) and _holds(module, table):
            return module.get_input_embeddings()
    return None


def _holds(module: nn.Module, table: nn.Module) -> bool:
    return any(each is table for each in module.modules())


def _embeds_by_method(kind: type[nn.Module]) -> bool:
    """Whether a model's forward pass calls ``embed_input_ids``, itself or by its base class's."""
    for each in kind.__mro__:
        if forward := vars(each).get("forward"):
            names = forward.__code__.co_names
            if _METHOD in names:
                return True
            if "super" not in names:
                return False
    return False


def _token_tables(module: nn.Module) -> Iterator[tuple[str, VocabParallelEmbedding]]:
    """The embedding tables that are direct children of a module, adapters or not, by their names."""
    if isinstance(module, VocabParallelEmbeddingWithLoRA):
        return
    for name, child in module.named_children():
        table = child.base_layer if isinstance(child, VocabParallelEmbeddingWithLoRA) else child
        if isinstance(table, VocabParallelEmbedding) and not isinstance(table, ParallelLMHead):
            yield name, table
